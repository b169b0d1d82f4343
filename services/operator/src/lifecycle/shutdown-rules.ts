import { DependencyError, VerificationError } from '@holdfast/base';
import type { PlatformError } from '@holdfast/base';
import type { AttestOutcome, StoreState, Timers } from '@holdfast/core-client';

const HOUR_MS = 3_600_000;
/** Not configurable: a host that could extend it could keep a revoked operator alive. */
export const ATTESTATION_FAILURE_LIMIT_MS = 12 * HOUR_MS;
const STALE_CHECK_MS = HOUR_MS;
const EXPIRED_LOG_MS = 600_000;

export interface ShutdownRulesOptions {
  readonly timers: Timers;
  readonly saltsExpiredLimitMs: number;
  readonly storeStaleLimitMs: number;
  /** The states of all stores; those that never loaded are passed over. */
  readonly stores: () => readonly StoreState[];
  /** Ends the process with this error. Called at most once. */
  readonly shutDown: (error: PlatformError) => void;
  /** Something a person should know while the process still serves. */
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}

/** A countdown to the end of the process; `deadlineMs` in milliseconds since the epoch. */
export interface Countdown {
  readonly cause: 'attestation_failing' | 'salts_expired' | 'store_stale';
  /** Since when. */
  readonly sinceMs: number;
  readonly deadlineMs: number;
  readonly subject?: string;
}

/**
 * When an operator has to let go. Attestation refused (401, 403): at once. Attestation failing otherwise: at the first
 * failure after 12 hours. Salts expired: 12 hours after the first selection that found them so. A store without successful
 * refresh: 12 hours, looked at every hour. An attempt that got no HTTP answer neither starts nor advances the attestation
 * clock; an outage of the network is ended by the stale stores.
 */
export class ShutdownRules {
  readonly #options: ShutdownRulesOptions;
  #attestFailingSinceMs: number | undefined;
  #saltsExpiredSinceMs: number | undefined;
  #expiredLoggedAtMs = -Infinity;
  #cancelCheck: (() => void) | undefined;
  #ended = false;

  constructor(options: ShutdownRulesOptions) {
    this.#options = options;
  }

  /** Begins the hourly look at the stores. */
  start(): void {
    this.#planStaleCheck();
  }

  stop(): void {
    this.#ended = true;
    this.#cancelCheck?.();
  }

  onAttestOutcome(outcome: AttestOutcome): void {
    const now = this.#options.timers.now();
    switch (outcome.result) {
      case 'success':
        this.#attestFailingSinceMs = undefined;
        return;
      case 'refused':
        this.#end(refusedError(outcome.status, outcome.body));
        return;
      case 'failed':
        this.#attestFailingSinceMs ??= now;
        if (now - this.#attestFailingSinceMs > ATTESTATION_FAILURE_LIMIT_MS) {
          this.#end(failingTooLongError(outcome.status));
        }
        return;
      case 'unreachable':
        return;
    }
  }

  onSaltSelection(expired: boolean): void {
    if (!expired) {
      this.#saltsExpiredSinceMs = undefined;
      return;
    }
    const now = this.#options.timers.now();
    this.#saltsExpiredSinceMs ??= now;
    const expiredForMs = now - this.#saltsExpiredSinceMs;
    if (expiredForMs > this.#options.saltsExpiredLimitMs) {
      this.#end(saltsExpiredError());
    } else if (now - this.#expiredLoggedAtMs >= EXPIRED_LOG_MS) {
      this.#expiredLoggedAtMs = now;
      const secondsLeft = Math.floor((this.#options.saltsExpiredLimitMs - expiredForMs) / 1000);
      this.#options.warn({ secondsLeft }, 'all salts are expired');
    }
  }

  /** All countdowns that run now, the nearest first. A store counts while its refresh fails. */
  countdowns(): readonly Countdown[] {
    const now = this.#options.timers.now();
    const running: Countdown[] = [];
    if (this.#attestFailingSinceMs !== undefined) {
      const sinceMs = this.#attestFailingSinceMs;
      running.push({ cause: 'attestation_failing', sinceMs, deadlineMs: sinceMs + ATTESTATION_FAILURE_LIMIT_MS });
    }
    if (this.#saltsExpiredSinceMs !== undefined) {
      const sinceMs = this.#saltsExpiredSinceMs;
      running.push({ cause: 'salts_expired', sinceMs, deadlineMs: sinceMs + this.#options.saltsExpiredLimitMs });
    }
    for (const store of this.#options.stores()) {
      if (store.refreshedAtMs === undefined || store.consecutiveFailures === 0) continue;
      const deadlineMs = store.refreshedAtMs + this.#options.storeStaleLimitMs;
      running.push({ cause: 'store_stale', subject: store.name, sinceMs: store.refreshedAtMs, deadlineMs });
    }
    return running.filter(({ sinceMs }) => sinceMs <= now).sort((a, b) => a.deadlineMs - b.deadlineMs);
  }

  #planStaleCheck(): void {
    this.#cancelCheck = this.#options.timers.after(STALE_CHECK_MS, () => {
      this.#checkStores();
      if (!this.#ended) this.#planStaleCheck();
    });
  }

  #checkStores(): void {
    const now = this.#options.timers.now();
    for (const { name, refreshedAtMs } of this.#options.stores()) {
      if (refreshedAtMs !== undefined && now - refreshedAtMs > this.#options.storeStaleLimitMs) {
        this.#end(storeStaleError(name, now - refreshedAtMs));
        return;
      }
    }
  }

  #end(error: PlatformError): void {
    if (this.#ended) return;
    this.stop();
    this.#options.shutDown(error);
  }
}

function refusedError(status: number, body: string): PlatformError {
  return new VerificationError(
    'ATTESTATION_REFUSED',
    `core attestation failed with AttestationFailure, shutting down operator, core response: ${body}`,
    {
      details: { status },
      action:
        status === 401
          ? 'Check that the operator key in the vault is the one issued for this operator and is not disabled.'
          : 'Check that this release (its enclave id) is still allowed; deploy a current release if it is not.',
    },
  );
}

function failingTooLongError(status: number): PlatformError {
  return new DependencyError(
    'ATTESTATION_FAILED_TOO_LONG',
    'core attestation has been in failed state for too long. shutting down operator',
    { retryable: true, details: { status, limitHours: 12 }, action: 'Ask the administrator of Core why it fails.' },
  );
}

function saltsExpiredError(): PlatformError {
  return new DependencyError(
    'SALTS_EXPIRED_TOO_LONG',
    'salts have been in expired state for too long. shutting down operator',
    { retryable: true, action: 'Check the salt refresh in the log; ask the administrator of Core for current salts.' },
  );
}

function storeStaleError(name: string, ageMs: number): PlatformError {
  const ageHours = Math.floor(ageMs / HOUR_MS);
  return new DependencyError(
    'STORE_STALE_TOO_LONG',
    `Store '${name}' has not refreshed successfully for ${ageHours} hours. Shutting down operator`,
    {
      retryable: true,
      details: { store: name, ageHours },
      action: 'Check that Core and its storage can be reached (outbound 443, DNS) and read the errors of this store.',
    },
  );
}
