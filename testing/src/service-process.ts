import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { waitFor } from '@holdfast/local/testing';

import { childEnd } from './child-end.ts';

const BIN = fileURLToPath(new URL('../../cli/bin/holdfast.mjs', import.meta.url));

/** A running `holdfast serve` in a process of its own. */
export class ServiceProcess {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #output = '';
  #ended = false;
  /** Once it has ended; null when a signal ended it. */
  exitCode: number | null | undefined;

  constructor(service: string, configFile: string, env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [BIN, 'serve', service, '--config', configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    this.#child.once('exit', (code) => {
      this.#ended = true;
      this.exitCode = code;
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Everything printed so far, both streams. */
  get output(): string {
    return this.#output;
  }

  /** The URL of the service's API, once it listens; fails with the output when the process ends first. */
  async listening(deadlineMs = 120_000): Promise<string> {
    const url = (): string | undefined => /"addresses":\{[^}]*"http":"([^"]+)"/.exec(this.#output)?.[1];
    await waitFor(
      () => url() !== undefined || this.#ended,
      deadlineMs,
      () => this.#output,
    );
    return url() ?? Promise.reject(new Error(`the service ended:\n${this.#output}`));
  }

  /** Ends it without a chance to finish anything. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited();
  }

  /** Asks it to stop and waits until it has. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exited();
  }

  async #exited(): Promise<void> {
    if (!this.#ended) await childEnd(this.#child, 'exit', () => this.#output);
  }
}
