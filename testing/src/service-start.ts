import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

import { waitFor } from '@holdfast/local/testing';

import { childEnd } from './child-end.ts';
import { HOLDFAST } from './holdfast-program.ts';

const START_DEADLINE_MS = 120_000;

export interface StartedService {
  stop(): Promise<void>;
}

export interface ServiceStart {
  readonly service: 'operator' | 'core' | 'optout';
  /** Written before the start, readable for its owner only. */
  readonly configFile: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** The service has started once this URL answers 200. */
  readonly healthUrl: string;
}

/** `holdfast serve` in a process of its own that ends with this one. */
export async function startService(start: ServiceStart): Promise<StartedService> {
  writeFileSync(start.configFile, JSON.stringify(start.settings), { mode: 0o600 });
  const args = [HOLDFAST, 'serve', start.service, '--config', start.configFile, '--until-stdin-closes'];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  let isClosed = false;
  child.once('close', () => {
    isClosed = true;
  });
  const stop = async (): Promise<void> => {
    child.stdin.end();
    if (!isClosed) await childEnd(child, 'close', () => output);
  };
  try {
    await waitFor(
      async () => child.exitCode !== null || (await isHealthy(start.healthUrl)),
      START_DEADLINE_MS,
      () => output,
    );
    if (child.exitCode !== null) throw new Error(`${start.service} ended with ${child.exitCode}:\n${output}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(10_000) })).status === 200;
  } catch {
    return false; // not listening yet
  }
}
