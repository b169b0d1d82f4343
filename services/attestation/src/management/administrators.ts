import { member, parseAttestationJwks, verifyAttestationTokenSignature } from '@holdfast/attestation';
import type { AttestationKeySet } from '@holdfast/attestation';
import { DependencyError, errorMessage, PlatformError, VerificationError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

export interface AdministratorsOptions {
  /** `iss` of access tokens, exactly. */
  readonly issuer: string;
  /** Where the keys of the issuer are. */
  readonly keysUrl: string;
  /** `aud` of access tokens; `https://attest.azure.net` for Azure's services. */
  readonly audience: string;
  /** Object ids of the principals who may manage this instance. */
  readonly objectIds: readonly string[];
  readonly client: Pick<HttpClient, 'send'>;
  readonly clock: Clock;
}

/** Who may manage the instance. */
export interface Administrators {
  /**
   * The object id of whoever holds an access token.
   * @throws VerificationError MANAGEMENT_TOKEN_REFUSED
   * @throws DependencyError MANAGEMENT_KEYS_UNAVAILABLE
   */
  authenticate(token: string): Promise<string>;
}

const SKEW_SECONDS = 300;
const KEYS_LIFE_MS = 60 * 60 * 1000;
const REFRESH_PAUSE_MS = 60 * 1000;

/** Checks access tokens of Entra ID: signature, issuer, audience, time, and that the principal is listed. */
export function createAdministrators(options: AdministratorsOptions): Administrators {
  let known: { readonly keys: AttestationKeySet; readonly fetchedAt: number } | undefined;

  const fetchKeys = async (): Promise<AttestationKeySet> => {
    const fetchedAt = options.clock();
    try {
      const answer = await options.client.send({ url: options.keysUrl, timeoutMs: 10_000, maxBytes: 1024 * 1024 });
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
      const keys = parseAttestationJwks(answer.body);
      known = { keys, fetchedAt };
      return keys;
    } catch (cause) {
      throw new DependencyError(
        'MANAGEMENT_KEYS_UNAVAILABLE',
        `no keys at ${options.keysUrl}: ${errorMessage(cause)}`,
        {
          retryable: true,
          cause,
          action: 'Check management.keys_url and that this machine reaches it.',
        },
      );
    }
  };
  const verified = async (token: string) => {
    const age = known === undefined ? Infinity : options.clock() - known.fetchedAt;
    const keys = known === undefined || age > KEYS_LIFE_MS ? await fetchKeys() : known.keys;
    try {
      return verifyAttestationTokenSignature(token, { keys });
    } catch (error) {
      const stale = error instanceof PlatformError && error.code === 'ATTESTATION_TOKEN_KID_UNKNOWN';
      if (!stale || age < REFRESH_PAUSE_MS || age === Infinity) throw error;
      return verifyAttestationTokenSignature(token, { keys: await fetchKeys() });
    }
  };

  return {
    async authenticate(token) {
      let claims;
      try {
        claims = await verified(token);
      } catch (cause) {
        if (cause instanceof DependencyError) throw cause;
        throw refused(errorMessage(cause), cause);
      }
      const now = options.clock() / 1000;
      const [exp, nbf] = [member(claims, 'exp'), member(claims, 'nbf')];
      if (member(claims, 'iss') !== options.issuer) throw refused('another issuer');
      if (member(claims, 'aud') !== options.audience) throw refused('another audience');
      if (typeof exp !== 'number' || exp <= now - SKEW_SECONDS) throw refused('expired');
      if (typeof nbf !== 'number' || nbf > now + SKEW_SECONDS) throw refused('not yet valid');
      const objectId = member(claims, 'oid');
      if (typeof objectId !== 'string' || !options.objectIds.includes(objectId.toLowerCase())) {
        throw refused('the principal is not an administrator of this instance');
      }
      return objectId;
    },
  };
}

function refused(problem: string, cause?: unknown): VerificationError {
  return new VerificationError('MANAGEMENT_TOKEN_REFUSED', `access token: ${problem}`, { cause });
}
