import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { waitFor } from '../../src/index.ts';
import type { ReadyFile } from '../../src/index.ts';
import type { SeededWorld } from './world.ts';

const BIN = fileURLToPath(new URL('../../../cli/bin/holdfast.mjs', import.meta.url));
const START_DEADLINE_MS = 30_000;

export interface EuidOperatorOptions {
  readonly folder: string;
  /** This one and the next are free. */
  readonly port: number;
  readonly seeded: SeededWorld;
  readonly ready: ReadyFile;
}

/** A public operator in EUID scope at the Core and Opt-Out of a running local cloud. It attests as trusted. */
export async function startEuidOperator(
  options: EuidOperatorOptions,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { folder, port, seeded, ready } = options;
  const config = join(folder, 'euid-operator.json');
  const settings = {
    identity_scope: 'euid',
    operator_type: 'public',
    core_api_token: seeded.publicOperatorKey,
    core_attest_url: `${ready.core.url}/attest`,
    optout_metadata_path: '/optout/refresh',
    optout_api_uri: '/optout/replicate',
    optout_s3_folder: 'optout/',
    http_host: '127.0.0.1',
    http_port: port,
    metrics_port: port + 1,
  };
  writeFileSync(config, JSON.stringify(settings), { mode: 0o600 });
  const child = spawn(process.execPath, [BIN, 'serve', 'operator', '--config', config, '--until-stdin-closes'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = once(child, 'close');
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  try {
    await waitFor(
      async () => child.exitCode !== null || (await answers(`${url}/ops/healthcheck`)),
      START_DEADLINE_MS,
      () => output,
    );
    if (child.exitCode !== null) throw new Error(`the operator in EUID scope ended with ${child.exitCode}:\n${output}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).status === 200;
  } catch {
    return false; // not listening yet
  }
}
