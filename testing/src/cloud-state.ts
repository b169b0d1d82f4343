import { freePortBase } from '@holdfast/local/testing';

import { runHoldfast } from './holdfast-process.ts';
import type { ReadyFile } from './holdfast-process.ts';
import { isListening } from './ports.ts';

/** Ports in a row that a local cloud has from its first one on. */
export const CLOUD_PORTS = 11;

/** The process ids of the services and of all containers of a running cloud. */
export async function processesOf(ready: ReadyFile): Promise<number[]> {
  const answer = await fetch(`${ready.virtualNode.url}/pods`);
  const { pods } = (await answer.json()) as { pods: { containers: { state: { pid: number } }[] }[] };
  const containers = pods.flatMap((pod) => pod.containers.map((container) => container.state.pid));
  return [ready.core.pid, ready.optout.pid, ready.operator.pid, ...containers];
}

/** Those of a cloud's ports that somebody listens on. */
export async function openCloudPorts(base: number): Promise<number[]> {
  const ports = Array.from({ length: CLOUD_PORTS }, (_, index) => base + index);
  const open = await Promise.all(ports.map(isListening));
  return ports.filter((_, index) => open[index]);
}

export interface FailedUp {
  readonly code: number | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details?: { readonly exitCode?: number; readonly explanation?: string };
  };
}

export interface FailingUp {
  readonly home: string;
  readonly portBase?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a cloud that is expected not to come up; fails when it does. */
export async function failedUp({ home, portBase, args = [], env = {} }: FailingUp): Promise<FailedUp> {
  const base = String(portBase ?? (await freePortBase(CLOUD_PORTS)));
  const { code, stdout } = await runHoldfast(
    ['up', '--check', '--json', '--home', home, '--port-base', base, ...args],
    env,
  );
  const { error } = JSON.parse(stdout) as Partial<FailedUp>;
  if (error === undefined) throw new Error(`the cloud came up:\n${stdout}`);
  return { code, error };
}
