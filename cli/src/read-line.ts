import type { CliIo } from './context.ts';

/** The next line of standard input, without its end: what a person typed. Input stays open for another question. */
export async function readLine({ stdin }: Pick<CliIo, 'stdin'>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stdin.iterator?.({ destroyOnReturn: false }) ?? stdin) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.includes('\n')) break;
  }
  return text.split('\n', 1)[0] ?? '';
}
