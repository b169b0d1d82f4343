import { Buffer } from 'node:buffer';
import { open } from 'node:fs/promises';

const LAST_LINES_BYTES = 64 * 1024;

/** The last `maxBytes` bytes of a log file as text, from the start of a line; empty when there is no such file. */
export async function readLogTail(file: string, maxBytes: number): Promise<string> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    const start = Math.max(0, size - maxBytes);
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** What a log says last. */
export interface LastWords {
  /** One sentence, with the error code if there is one. */
  readonly sentence: string;
  /** What to do, if the log says so. */
  readonly action: string | undefined;
}

/** The last complaint in a log, or its last line when there is none; undefined for an empty log. */
export async function lastLogWords(file: string): Promise<LastWords | undefined> {
  const lines = (await readLogTail(file, LAST_LINES_BYTES)).split('\n').filter((line) => line.trim() !== '');
  const records = lines.map(parseRecord);
  const complaint = records.findLast((record) => record.level === 'fatal' || record.level === 'error');
  return complaint ?? records.at(-1);
}

/** The sentence of `lastLogWords`. */
export async function lastLogLine(file: string): Promise<string | undefined> {
  return (await lastLogWords(file))?.sentence;
}

function parseRecord(line: string): LastWords & { readonly level: string } {
  try {
    const { level, msg, code, action } = JSON.parse(line) as Record<string, unknown>;
    if (typeof msg === 'string') {
      return {
        level: typeof level === 'string' ? level : '',
        sentence: typeof code === 'string' ? `${msg} [${code}]` : msg,
        action: typeof action === 'string' ? action : undefined,
      };
    }
  } catch {
    // A line that is no JSON, or was cut by the end of the process: it is shown as it stands.
  }
  return { level: '', sentence: line.trim(), action: undefined };
}
