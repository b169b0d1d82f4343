import type { CommandContext } from '@stricli/core';

export interface OutputStream {
  write(text: string): void;
  readonly isTerminal: boolean;
}

/** Everything a command may touch outside itself; tests pass their own. */
export interface CliIo {
  /** Data. */
  readonly stdout: OutputStream;
  /** Talk. */
  readonly stderr: OutputStream;
  readonly stdin: AsyncIterable<Uint8Array | string> & {
    readonly isTTY?: boolean | undefined;
    /** Of a stream: reading that can end without closing it. */
    iterator?(options: { readonly destroyOnReturn: boolean }): AsyncIterable<Uint8Array | string>;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The command line that runs `holdfast serve` in another process. */
  readonly serveCommand: readonly string[];
  /** Calls `listener` at every Ctrl-C and every request to end, until the returned function is called. */
  onStopRequest(listener: () => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** What commands get as `this`. */
export interface CliContext extends CommandContext {
  readonly io: CliIo;
  /** Sets the exit code of a command that neither failed nor simply succeeded. */
  setExitCode(code: number): void;
}

/** Writes `value` as one line of JSON to standard output. */
export function writeJson(io: CliIo, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Whether `stream` may be coloured. */
export function mayColour(io: CliIo, stream: OutputStream): boolean {
  return stream.isTerminal && (io.env['NO_COLOR'] ?? '') === '';
}
