import type { CliContext, CliIo } from '../../src/context.ts';

export interface Captured {
  readonly context: CliContext;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exitCode: () => number;
}

/** A context whose output is kept, on a machine without any tools. */
export function fakeContext(cwd: string, env: Readonly<Record<string, string>> = {}): Captured {
  let [stdout, stderr, exitCode] = ['', '', 0];
  const io = {
    stdout: {
      isTerminal: false,
      write(text: string) {
        stdout += text;
      },
    },
    stderr: {
      isTerminal: false,
      write(text: string) {
        stderr += text;
      },
    },
    env: { PATH: '/nowhere', ...env },
    cwd,
  } as unknown as CliIo;
  const context = {
    io,
    setExitCode(code: number) {
      exitCode = code;
    },
  } as unknown as CliContext;
  return { context, stdout: () => stdout, stderr: () => stderr, exitCode: () => exitCode };
}
