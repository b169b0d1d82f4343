import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { waitFor } from '@holdfast/local/testing';

import { childEnd } from './child-end.ts';

const BIN = fileURLToPath(new URL('../../cli/bin/holdfast.mjs', import.meta.url));

/** A `holdfast` command that keeps running. */
export class RunningCommand {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #output = '';
  #ended = false;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [BIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    const kill = (): void => void this.#child.kill('SIGKILL');
    process.once('exit', kill); // a test run that is cut off leaves nothing behind
    this.#child.once('exit', () => {
      this.#ended = true;
      process.off('exit', kill);
    });
  }

  /** Everything printed so far, both streams. */
  get output(): string {
    return this.#output;
  }

  /** Waits until the output holds `text`; fails with the output when the command ends first. */
  async prints(text: string, deadlineMs = 110_000): Promise<void> {
    await waitFor(
      () => this.#output.includes(text) || this.#ended,
      deadlineMs,
      () => this.#output,
    );
    if (!this.#output.includes(text)) throw new Error(`ended without printing "${text}":\n${this.#output}`);
  }

  /** Ctrl-C, and the exit code. */
  async stop(): Promise<number | null> {
    if (!this.#ended) this.#child.kill('SIGINT');
    return this.exit();
  }

  /** Waits for the end and answers the exit code (null after a kill). */
  async exit(): Promise<number | null> {
    if (!this.#ended) await childEnd(this.#child, 'close', () => this.#output);
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
