import type { HttpClient } from '@holdfast/http';
import { errorMessage } from '@holdfast/base';

import { machinePort } from '../process/machine-port.ts';
import type { ProbeAction, ReadinessProbe } from './manifest.ts';

export interface ReadinessListener {
  ready(): void;
  unready(reason: string): void;
  /** Each single failure, with the reason. */
  failed(reason: string): void;
}

/** How a probe reaches the ports of a container. */
export interface ProbeNetwork {
  readonly client: HttpClient;
  /** Address of the pod. */
  readonly host: string;
}

/** Runs a command inside the container; answers why it failed, undefined when it succeeded. */
export type RunInContainer = (command: readonly string[], timeoutMs: number) => Promise<string | undefined>;

/**
 * Probes a container as Kubernetes does: after the initial delay every period an HTTP GET, where a status from 200 to 399
 * within the timeout is a success, or a command, where exit code 0 is. Stops when `signal` aborts.
 */
export async function probeReadiness(
  probe: ReadinessProbe,
  network: ProbeNetwork,
  run: RunInContainer,
  listener: ReadinessListener,
  signal: AbortSignal,
): Promise<void> {
  let ready = false;
  let successes = 0;
  let failures = 0;
  await pause(probe.initialDelaySeconds * 1000, signal);
  while (!signal.aborted) {
    const reason = await probeOnce(probe.action, probe.timeoutSeconds * 1000, network, run);
    if (signal.aborted) return;
    if (reason === undefined) {
      successes += 1;
      failures = 0;
      if (!ready && successes >= probe.successThreshold) {
        ready = true;
        listener.ready();
      }
    } else {
      successes = 0;
      failures += 1;
      listener.failed(reason);
      if (ready && failures >= probe.failureThreshold) {
        ready = false;
        listener.unready(reason);
      }
    }
    await pause(probe.periodSeconds * 1000, signal);
  }
}

/** Why the probe failed; undefined when it succeeded. */
async function probeOnce(
  action: ProbeAction,
  timeoutMs: number,
  { client, host }: ProbeNetwork,
  run: RunInContainer,
): Promise<string | undefined> {
  if (action.kind === 'exec') return run(action.command, timeoutMs);
  const url = `${action.scheme.toLowerCase()}://${host}:${machinePort(action.port)}${action.path}`;
  try {
    const { status } = await client.send({ url, timeoutMs, maxBytes: 64 * 1024 });
    return status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`;
  } catch (error) {
    return errorMessage(error);
  }
}

/** Waits, or returns early when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
