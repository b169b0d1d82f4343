import { fakeServeCommand } from '@holdfast/local/testing';

import type { CliIo } from '../src/index.ts';
import { runCli } from '../src/index.ts';

export interface CapturedRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CaptureOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Text on standard input; a terminal when missing. */
  readonly stdin?: string;
  readonly terminal?: boolean;
  /** Text that a person types at the terminal. */
  readonly typed?: string;
  /** Called with a function that stands for Ctrl-C. */
  readonly onInterruptible?: (interrupt: () => void) => void;
  readonly onOutput?: (stdout: string, stderr: string) => void;
}

/** Runs a command line in this process with captured streams. Services are stand-ins. */
export async function capture(args: readonly string[], options: CaptureOptions = {}): Promise<CapturedRun> {
  let stdout = '';
  let stderr = '';
  const isTerminal = options.terminal ?? false;
  const io: CliIo = {
    stdout: {
      isTerminal,
      write(text) {
        stdout += text;
        options.onOutput?.(stdout, stderr);
      },
    },
    stderr: {
      isTerminal,
      write(text) {
        stderr += text;
        options.onOutput?.(stdout, stderr);
      },
    },
    stdin: standardInput(options.stdin, options.typed),
    env: { ...(process.env['PATH'] === undefined ? {} : { PATH: process.env['PATH'] }), ...options.env },
    cwd: options.cwd ?? '/nowhere',
    serveCommand: fakeServeCommand(),
    onStopRequest(listener) {
      options.onInterruptible?.(listener);
      return () => undefined;
    },
    exit: () => undefined,
  };
  return { exitCode: await runCli(args, io), stdout, stderr };
}

function standardInput(text: string | undefined, typed: string | undefined): CliIo['stdin'] {
  async function* chunks(): AsyncGenerator<string> {
    await Promise.resolve();
    const input = text ?? typed;
    if (input !== undefined) yield input;
  }
  return Object.assign(chunks(), { isTTY: text === undefined });
}
