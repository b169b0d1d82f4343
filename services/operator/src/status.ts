import type { SessionState, StoreState } from '@holdfast/core-client';
import { selectSaltSnapshot } from '@holdfast/uid2';
import type { SaltSnapshot } from '@holdfast/uid2';

import type { OperatorStatus } from './context.ts';
import type { Countdown } from './lifecycle/shutdown-rules.ts';
import type { OptOutSyncState } from './stores/opt-out-sync.ts';

/** What the process is doing. */
export type Phase = 'starting' | 'attesting' | 'loading' | 'serving' | 'refusing' | 'stopping';

/** A moment of the operator's life, as its parts report it. Parts that do not exist yet are undefined. */
export interface OperatorState {
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly phase: Phase;
  /** Why it does not serve; undefined while it does. */
  readonly reason: string | undefined;
  readonly version: string;
  readonly environment: string | undefined;
  readonly platform: string;
  readonly operatorType: string;
  readonly instanceId: string;
  /** The digest of the policy it runs under, from its own evidence. */
  readonly hostData: string | undefined;
  readonly session: SessionState | undefined;
  readonly countdowns: readonly Countdown[];
  readonly stores: readonly StoreState[];
  readonly entryCounts: Readonly<Record<string, number>>;
  readonly salts: readonly SaltSnapshot[];
  readonly optOut: OptOutSyncState | undefined;
  readonly optOutStaleLimitMs: number;
}

/** The JSON of `GET /ops/status`. Times are ISO-8601 in UTC; ages and remaining times are whole seconds. */
export function operatorStatus(state: OperatorState): OperatorStatus {
  const { nowMs } = state;
  return {
    ready: state.phase === 'serving',
    phase: state.phase,
    reason: state.reason ?? null,
    version: state.version,
    environment: state.environment ?? null,
    platform: state.platform,
    operatorType: state.operatorType,
    instanceId: state.instanceId,
    startedAt: iso(state.startedAtMs),
    uptimeSeconds: seconds(nowMs - state.startedAtMs),
    policyDigest: state.hostData ?? null,
    shutdown: countdownStatus(state.countdowns[0], nowMs),
    attestation: attestationStatus(state),
    stores: Object.fromEntries(state.stores.map((store) => [store.name, storeStatus(store, state)])),
    salts: saltStatus(state.salts, nowMs),
    optOut: optOutStatus(state),
  };
}

function attestationStatus(state: OperatorState): OperatorStatus {
  const { session, nowMs } = state;
  const failing = state.countdowns.find(({ cause }) => cause === 'attestation_failing');
  return {
    attested: session?.attested ?? false,
    expiresAt: iso(session?.expiresAtMs),
    secondsUntilExpiry: remaining(session?.expiresAtMs, nowMs),
    lastSuccessAt: iso(session?.lastSuccessAtMs),
    lastAttemptAt: iso(session?.lastAttemptAtMs),
    lastError: session?.lastError ?? null,
    /** The 12 hours that Core may fail before the operator ends; null while it does not fail. */
    shutdown: countdownStatus(failing, nowMs),
  };
}

function storeStatus(store: StoreState, state: OperatorState): OperatorStatus {
  return {
    loaded: store.loaded,
    version: store.loaded ? store.version : null,
    entries: state.entryCounts[store.name] ?? null,
    refreshedAt: iso(store.refreshedAtMs),
    ageSeconds: age(store.refreshedAtMs, state.nowMs),
    changedAt: iso(store.changedAtMs),
    consecutiveFailures: store.consecutiveFailures,
    lastError: store.lastError ?? null,
  };
}

function saltStatus(salts: readonly SaltSnapshot[], nowMs: number): OperatorStatus | null {
  const selected = selectSaltSnapshot(salts, nowMs);
  if (selected === undefined) return null;
  const { effective, expires, table } = selected.snapshot;
  return {
    snapshots: salts.length,
    size: table.size,
    effectiveAt: iso(effective),
    expiresAt: iso(expires),
    secondsUntilExpiry: remaining(expires, nowMs),
    expired: selected.expired,
  };
}

function optOutStatus(state: OperatorState): OperatorStatus | null {
  const { optOut, nowMs, optOutStaleLimitMs } = state;
  if (optOut === undefined) return null;
  const limitAtMs = optOut.syncedAtMs === undefined ? undefined : optOut.syncedAtMs + optOutStaleLimitMs;
  return {
    synced: optOut.synced,
    syncedAt: iso(optOut.syncedAtMs),
    ageSeconds: age(optOut.syncedAtMs, nowMs),
    staleLimitSeconds: seconds(optOutStaleLimitMs),
    secondsUntilStale: remaining(limitAtMs, nowMs),
    stale: optOut.stale,
    files: optOut.files,
    records: optOut.records,
    consecutiveFailures: optOut.consecutiveFailures,
    lastError: optOut.lastError ?? null,
  };
}

function countdownStatus(countdown: Countdown | undefined, nowMs: number): OperatorStatus | null {
  if (countdown === undefined) return null;
  return {
    cause: countdown.cause,
    subject: countdown.subject ?? null,
    since: iso(countdown.sinceMs),
    deadline: iso(countdown.deadlineMs),
    secondsLeft: Math.max(0, seconds(countdown.deadlineMs - nowMs)),
  };
}

function iso(ms: number | undefined): string | null {
  // Beyond what Date can show lies "never": salts may expire at the end of time.
  return ms === undefined || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString();
}

function age(ms: number | undefined, nowMs: number): number | null {
  return ms === undefined ? null : seconds(nowMs - ms);
}

/** Seconds until `ms`; negative once it has passed. */
function remaining(ms: number | undefined, nowMs: number): number | null {
  return ms === undefined ? null : seconds(ms - nowMs);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
