import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { SDK_CLIENT } from '../../testing/sdk-client.ts';
import type { SdkAnswer } from '../../testing/sdk-client.ts';

export type SdkCredential =
  | { readonly kind: 'managed-identity'; readonly clientId?: string; readonly resourceId?: string }
  | { readonly kind: 'workload-identity' }
  | { readonly kind: 'client-secret'; readonly tenantId: string; readonly clientId: string; readonly secret: string };

const KEPT = ['PATH', 'HOME', 'NODE_COMPILE_CACHE'];

/** What the SDKs made of a request in a process of their own. `env` is added to an environment without Azure settings. */
export async function runSdkProcess(request: object, env: Readonly<Record<string, string>>): Promise<SdkAnswer> {
  const kept = Object.fromEntries(KEPT.map((name) => [name, process.env[name]]));
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(SDK_CLIENT), JSON.stringify(request)], {
    env: { ...kept, ...env },
    timeout: 60_000,
  });
  return JSON.parse(stdout) as SdkAnswer;
}

/** Runs all, a few at a time. */
export async function inTurns<T>(work: readonly (() => Promise<T>)[], atATime: number): Promise<void> {
  const waiting = [...work];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next();
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}
