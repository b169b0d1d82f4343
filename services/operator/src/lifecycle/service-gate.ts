import type { ServiceGate } from '../context.ts';

/** What decides whether the API may serve; plain data, so that every thread can decide for itself and at any moment. */
export interface GateState {
  /** Whether start-up is complete. */
  readonly open: boolean;
  /** When the last complete opt-out sync began, milliseconds; undefined before the first. */
  readonly optOutSyncedAtMs: number | undefined;
  /** From this age on the opt-out list is too old to serve with, milliseconds. */
  readonly optOutStaleLimitMs: number;
}

export const NOT_READY = 'the operator is starting';

/** Why the API must not serve at `nowMs`; undefined when it may. */
export function serviceGate(state: GateState, nowMs: number): ServiceGate | undefined {
  if (!state.open) return { reason: NOT_READY };
  const { optOutSyncedAtMs, optOutStaleLimitMs } = state;
  if (optOutSyncedAtMs === undefined || nowMs - optOutSyncedAtMs <= optOutStaleLimitMs) return undefined;
  return { reason: staleReason(optOutSyncedAtMs, optOutStaleLimitMs, nowMs) };
}

/** One sentence about an opt-out list that is too old. */
export function staleReason(syncedAtMs: number, limitMs: number, nowMs: number): string {
  const ageSeconds = Math.floor((nowMs - syncedAtMs) / 1000);
  return `the opt-out list is ${ageSeconds} seconds old, its limit is ${limitMs / 1000}`;
}
