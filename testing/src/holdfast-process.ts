import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { childEnd } from './child-end.ts';
import { HOLDFAST } from './holdfast-program.ts';
import { RunningCommand } from './running-command.ts';

const COMMAND_DEADLINE_MS = 300_000;

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
export class HoldfastProcess extends RunningCommand {
  readonly #readyFile: string;

  constructor({ home, portBase, args = [] }: UpOptions) {
    const readyFile = join(home, '..', `ready-${portBase}.json`);
    super(['up', '--home', home, '--port-base', String(portBase), '--ready-file', readyFile, ...args]);
    this.#readyFile = readyFile;
  }

  /** Waits for the ready file; fails with the output when the process ends first. */
  async ready(deadlineMs = 150_000): Promise<ReadyFile> {
    await this.finds(() => existsSync(this.#readyFile) || undefined, deadlineMs);
    return JSON.parse(readFileSync(this.#readyFile, 'utf8')) as ReadyFile;
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
  const child = spawn(process.execPath, [HOLDFAST, ...args], {
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
