import { DependencyError } from '@holdfast/base';

import type { CallOptions, EngineEvent, EnginePorts, KubernetesPort } from '../ports.ts';

/** What every operation on a deployment works with. The caller holds the lock of the deployment. */
export interface OperationContext {
  readonly ports: EnginePorts;
  readonly cluster: KubernetesPort;
  readonly subscriptionId: string;
  /** Object id of whoever does it, for receipts. */
  readonly by: string;
  readonly signal?: AbortSignal;
}

/** Options of a call that stops when the operation is interrupted. */
export function callOptions({ signal }: { readonly signal?: AbortSignal }): CallOptions {
  return signal === undefined ? {} : { signal };
}

/** Tells people what happens, under the name of the operation. */
export function tell(
  { ports }: Pick<OperationContext, 'ports'>,
  stage: string,
  event: EngineEvent['event'],
  detail: string,
  resource?: string,
): void {
  ports.onEvent({ at: ports.clock(), stage, event, detail, ...(resource === undefined ? {} : { resource }) });
}

interface Wait<T> {
  readonly stage: string;
  /** What is waited for, as the end of a sentence: `the pods of 5-58-0 to be gone`. */
  readonly what: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Answers what was waited for, or undefined as long as it is not there. */
  readonly look: () => Promise<T | undefined>;
  /** What to say when the time is over. */
  readonly explain?: () => Promise<{ readonly problem: string; readonly action: string }>;
}

/**
 * Looks again and again until there is something to see.
 * @throws DependencyError DEPLOYMENT_DEADLINE: running the same command again goes on waiting
 */
export async function waitFor<T>(context: Omit<OperationContext, 'cluster'>, wait: Wait<T>): Promise<T> {
  const { ports, signal } = context;
  const deadline = ports.clock() + wait.timeoutMs;
  let told = false;
  for (;;) {
    const found = await wait.look();
    if (found !== undefined) return found;
    const now = ports.clock();
    if (now >= deadline) throw await deadlineError(wait);
    if (!told) tell(context, wait.stage, 'waiting', `for ${wait.what}`);
    told = true;
    await ports.sleep(Math.min(wait.intervalMs, deadline - now), signal);
  }
}

async function deadlineError<T>(wait: Wait<T>): Promise<DependencyError> {
  const explained = await wait.explain?.();
  const minutes = Math.round(wait.timeoutMs / 60_000);
  return new DependencyError(
    'DEPLOYMENT_DEADLINE',
    `waited ${minutes} min for ${wait.what}${explained === undefined ? '' : `: ${explained.problem}`}`,
    {
      retryable: true,
      details: { stage: wait.stage },
      action: explained?.action ?? 'Run the same command again: it goes on where it stopped.',
    },
  );
}
