import { parseAttestationJwks } from '@holdfast/attestation';
import type { AttestationKeySet } from '@holdfast/attestation';
import { DependencyError, errorMessage } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

/** Where the signing keys of an attestation service come from. */
export interface MaaKeys {
  /**
   * The published keys, with `kid` among them.
   * @throws DependencyError MAA_KEYS_UNAVAILABLE
   * @throws DependencyError MAA_KEY_UNKNOWN
   */
  keysWith(kid: string): Promise<AttestationKeySet>;
}

export interface MaaKeysOptions {
  /** Where the service publishes its keys (RFC 7517). */
  readonly url: string;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const LIFETIME_MS = 60 * 60 * 1000;

/** Tokens with invented key ids must not turn Core into a load on the attestation service. */
const REFRESH_PAUSE_MS = 30 * 1000;

const MAX_JWKS_BYTES = 1024 * 1024;

/**
 * The keys of one attestation service, kept for an hour. An unknown key id fetches them anew, at most every 30 seconds.
 * Trust in the keys rests on TLS to the configured address.
 */
export function createMaaKeys(options: MaaKeysOptions): MaaKeys {
  const { url } = options;
  let current: { readonly keys: AttestationKeySet; readonly fetchedAt: number } | undefined;
  let attemptedAt = -Infinity;
  let underWay: Promise<AttestationKeySet> | undefined;

  async function fetchKeys(): Promise<AttestationKeySet> {
    const startedAt = options.clock();
    attemptedAt = startedAt;
    try {
      const answer = await options.http.send({ url, timeoutMs: options.timeoutMs, maxBytes: MAX_JWKS_BYTES });
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
      const keys = parseAttestationJwks(answer.body);
      current = { keys, fetchedAt: startedAt };
      return keys;
    } catch (cause) {
      throw new DependencyError('MAA_KEYS_UNAVAILABLE', `cannot fetch the keys at ${url}: ${errorMessage(cause)}`, {
        retryable: true,
        cause,
        action: 'Check the configured address of the attestation service and that this machine reaches it.',
      });
    } finally {
      underWay = undefined;
    }
  }

  return {
    async keysWith(kid) {
      const now = options.clock();
      if (current !== undefined && now - current.fetchedAt < LIFETIME_MS) {
        if (current.keys.find(kid).length > 0) return current.keys;
        if (now - attemptedAt < REFRESH_PAUSE_MS) throw unknownKey(url);
      }
      underWay ??= fetchKeys();
      const keys = await underWay;
      if (keys.find(kid).length === 0) throw unknownKey(url);
      return keys;
    },
  };
}

function unknownKey(url: string): DependencyError {
  return new DependencyError('MAA_KEY_UNKNOWN', `the key that signed the token is not among those at ${url}`, {
    retryable: true,
    action: 'Check that operator and Core use the same attestation service.',
  });
}
