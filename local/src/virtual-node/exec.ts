import { spawn } from 'node:child_process';

import { DependencyError, errorMessage } from '@holdfast/base';

export interface CommandSpec {
  /** Program and arguments on this machine. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly timeoutMs: number;
}

export interface CommandResult {
  /** Null when a signal ended the command, the time limit included. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The first MiB of each. */
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 1024 * 1024;

/**
 * Runs a command to its end, with nothing on its standard input.
 * @throws DependencyError PROCESS_NOT_STARTED when the program cannot be run
 */
export async function runCommand(spec: CommandSpec): Promise<CommandResult> {
  const [program = '', ...args] = spec.command;
  const child = spawn(program, args, {
    env: spec.environment,
    cwd: spec.workingDirectory,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: spec.timeoutMs,
    killSignal: 'SIGKILL',
    windowsHide: true,
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new DependencyError('PROCESS_NOT_STARTED', `cannot run ${program}: ${errorMessage(cause)}`, {
          retryable: false,
          cause,
          action: 'Check that the program exists, and that this user may run it and write the log folder.',
        }),
      ),
    );
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, stdout: stdout(), stderr: stderr() }));
  });
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    if (length < MAX_OUTPUT_BYTES) chunks.push(chunk.subarray(0, MAX_OUTPUT_BYTES - length));
    length += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
