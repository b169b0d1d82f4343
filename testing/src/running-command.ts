import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

import { waitFor } from '@holdfast/local/testing';

import { childEnd } from './child-end.ts';
import { HOLDFAST } from './holdfast-program.ts';

/** A `holdfast` command that keeps running. */
export class RunningCommand implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #stdout = '';
  #output = '';
  #exitCode: number | null | undefined;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [HOLDFAST, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    const kill = (): void => this.signal('SIGKILL');
    process.once('exit', kill); // a test run that is cut off leaves nothing behind
    this.#child.once('exit', (code) => {
      this.#exitCode = code;
      process.off('exit', kill);
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Once it has ended; null when a signal ended it. */
  get exitCode(): number | null | undefined {
    return this.#exitCode;
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Everything printed so far, both streams. */
  get output(): string {
    return this.#output;
  }

  /** Waits until `find` answers something; fails with the output when the command ends first. */
  async finds<T>(find: () => T | undefined, deadlineMs: number): Promise<T> {
    await waitFor(
      () => find() !== undefined || this.#exitCode !== undefined,
      deadlineMs,
      () => this.#output,
    );
    const found = find();
    if (found === undefined) throw new Error(`it ended with ${this.#exitCode} too early:\n${this.#output}`);
    return found;
  }

  /** Waits until the output holds `text`; fails with the output when the command ends first. */
  async prints(text: string, deadlineMs = 110_000): Promise<void> {
    await this.finds(() => this.#output.includes(text) || undefined, deadlineMs);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for the end and answers the exit code (null after a kill). */
  async exit(): Promise<number | null> {
    if (this.#exitCode === undefined) await childEnd(this.#child, 'close', () => this.#output);
    return this.#exitCode ?? null;
  }

  /** Ctrl-C, and the exit code. */
  async stop(): Promise<number | null> {
    if (this.#exitCode === undefined) this.signal('SIGINT');
    return this.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
