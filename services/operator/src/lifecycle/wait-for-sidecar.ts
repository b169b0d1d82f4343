import { connect } from 'node:net';

import { DependencyError, errorMessage } from '@holdfast/base';
import type { Timers } from '@holdfast/core-client';

const ATTEMPTS = 15;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Waits until the attestation sidecar accepts TCP connections: containers of a pod start together, and an operator that
 * asks too early gets evidence that Core refuses. Up to 15 attempts with pauses of 1, 2, 3 … 14 s between them.
 * @throws DependencyError SIDECAR_UNREACHABLE
 */
export async function waitForSidecar(sidecarUrl: string, timers: Timers, signal: AbortSignal): Promise<void> {
  const { hostname, port, protocol } = new URL(sidecarUrl);
  const address = { host: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80) };
  let last: unknown;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    signal.throwIfAborted();
    try {
      await acceptsConnection(address);
      return;
    } catch (error) {
      last = error;
    }
    if (attempt < ATTEMPTS) await pause(attempt * 1000, timers, signal);
  }
  throw new DependencyError(
    'SIDECAR_UNREACHABLE',
    `the attestation sidecar at ${address.host}:${address.port} accepted no connection in ${ATTEMPTS} attempts`,
    {
      retryable: true,
      details: { ...address, reason: errorMessage(last) },
      action: 'Read the log of the sidecar container (skr) in the same pod.',
    },
  );
}

async function acceptsConnection(address: { readonly host: string; readonly port: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const socket = connect({ ...address, timeout: CONNECT_TIMEOUT_MS });
  socket.once('connect', () => resolve(undefined));
  socket.once('timeout', () => reject(new Error(`no answer within ${CONNECT_TIMEOUT_MS} ms`)));
  socket.once('error', reject);
  try {
    await promise;
  } finally {
    socket.destroy();
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export async function pause(ms: number, timers: Timers, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const cancel = timers.after(ms, () => resolve(undefined));
  const onAbort = (): void => resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  await promise;
  cancel();
  signal.removeEventListener('abort', onAbort);
}
