import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { waitFor } from '@holdfast/local/testing';

import { childEnd } from './child-end.ts';

const COMMAND_DEADLINE_MS = 300_000;
const BIN = fileURLToPath(new URL('../../cli/bin/holdfast.mjs', import.meta.url));

/** The file `holdfast up --ready-file` writes; docs/guides/local-cloud.md describes it. */
export interface ReadyFile {
  readonly version: 1;
  readonly operator: { readonly url: string; readonly metricsUrl: string; readonly pid: number };
  readonly core: { readonly url: string; readonly pid: number };
  readonly optout: { readonly url: string; readonly pid: number };
  readonly azure: {
    readonly armUrl: string | null;
    readonly authorityUrl: string;
    readonly vaultUrl: string;
    readonly attestationUrl: string;
    readonly caFile: string;
  };
  readonly virtualNode: { readonly url: string };
  readonly client: { readonly apiKey: string; readonly secret: string; readonly siteId: number; readonly name: string };
  readonly enclaveId: string;
  readonly home: string;
}

export interface UpOptions {
  readonly home: string;
  readonly portBase: number;
  readonly args?: readonly string[];
}

/** A running `holdfast up` in a process of its own. */
export class HoldfastProcess {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #readyFile: string;
  #output = '';
  exitCode: number | null | undefined;

  constructor({ home, portBase, args = [] }: UpOptions) {
    this.#readyFile = join(home, '..', `ready-${portBase}.json`);
    this.#child = spawn(
      process.execPath,
      [BIN, 'up', '--home', home, '--port-base', String(portBase), '--ready-file', this.#readyFile, ...args],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } },
    );
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    const kill = (): void => {
      this.#child.kill('SIGKILL');
    };
    process.once('exit', kill); // a test run that is cut off leaves no cloud behind
    this.#child.once('exit', (code) => {
      this.exitCode = code;
      process.off('exit', kill);
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Everything printed so far, both streams. */
  get output(): string {
    return this.#output;
  }

  /** Waits for the ready file; fails with the output when the process ends first. */
  async ready(deadlineMs = 150_000): Promise<ReadyFile> {
    await waitFor(
      () => existsSync(this.#readyFile) || this.exitCode !== undefined,
      deadlineMs,
      () => this.#output,
    );
    if (!existsSync(this.#readyFile)) throw new Error(`holdfast up ended with ${this.exitCode}:\n${this.#output}`);
    return JSON.parse(readFileSync(this.#readyFile, 'utf8')) as ReadyFile;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for the process to end and answers its exit code (null after a kill). */
  async exit(): Promise<number | null> {
    if (this.exitCode === undefined) await childEnd(this.#child, 'close', () => this.#output);
    return this.exitCode ?? null;
  }

  /** Ctrl-C, and the exit code. */
  async stop(): Promise<number | null> {
    if (this.exitCode === undefined) this.signal('SIGINT');
    return this.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one `holdfast` command to its end; fails when that is not within five minutes. */
export async function runHoldfast(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await childEnd(child, 'close', () => stdout + stderr, COMMAND_DEADLINE_MS);
  return { code, stdout, stderr };
}
