import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

import { DependencyError, errorMessage } from '@holdfast/base';

export interface ProcessSpec {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** The whole environment; nothing is inherited beside it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Standard output and standard error are appended here. */
  readonly logFile: string;
  readonly workingDirectory?: string;
}

export interface ProcessExit {
  /** Undefined when a signal ended the process. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

/**
 * A child process that cannot outlive this one: its standard input is a pipe that closes when this process ends, however
 * it ends, and the programs we run stop when it does. It has a process group of its own, so that Ctrl-C in a terminal
 * reaches this process alone and things stop in order.
 */
export class ManagedProcess {
  readonly pid: number;
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  #running = true;

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#running = false;
        resolve({ code: code ?? undefined, signal: signal ?? undefined });
      });
    });
    // A child that is gone breaks the pipe; its exit says everything there is to say.
    child.stdin?.on('error', () => undefined);
  }

  /** @throws DependencyError PROCESS_NOT_STARTED when the program cannot be run */
  static async start(spec: ProcessSpec): Promise<ManagedProcess> {
    const [program, ...args] = spec.command;
    let log: number | undefined;
    try {
      if (program === undefined) throw new RangeError('the command is empty');
      log = openSync(spec.logFile, 'a', 0o600);
      const child = spawn(program, args, {
        env: spec.environment,
        stdio: ['pipe', log, log],
        detached: process.platform !== 'win32',
        windowsHide: true,
        ...(spec.workingDirectory === undefined ? {} : { cwd: spec.workingDirectory }),
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      if (child.pid === undefined) throw new RangeError('it has no process id');
      return new ManagedProcess(child, child.pid);
    } catch (cause) {
      throw new DependencyError('PROCESS_NOT_STARTED', `cannot run ${program ?? 'nothing'}: ${errorMessage(cause)}`, {
        retryable: false,
        cause,
        action: 'Check that the program exists, and that this user may run it and write the log folder.',
      });
    } finally {
      if (log !== undefined) closeSync(log);
    }
  }

  get running(): boolean {
    return this.#running;
  }

  /** Asks the process to end, with SIGTERM and by closing its standard input; after `graceMs` it is killed. */
  async stop(graceMs: number): Promise<ProcessExit> {
    if (!this.#running) return this.exited;
    this.#child.kill('SIGTERM');
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.kill(), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process at once. */
  kill(): void {
    if (this.#running) this.#child.kill('SIGKILL');
  }
}

/** `exit code 3` or `signal SIGKILL`. */
export function describeExit(exit: ProcessExit): string {
  return exit.signal === undefined ? `exit code ${exit.code ?? 'unknown'}` : `signal ${exit.signal}`;
}

const NECESSITIES = ['PATH', 'SystemRoot', 'TMPDIR', 'TEMP', 'TMP'];

/** The few variables of this process without which programs cannot run. */
export function necessaryEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of NECESSITIES) {
    const value = env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
