import { parseAttestationJwks, parseJsonObject } from '@holdfast/attestation';
import type { AttestationKeySet } from '@holdfast/attestation';
import { DependencyError, errorMessage } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';
import { isAuthority } from '@holdfast/key-release';

/** The published keys of an attestation service. */
export interface PublishedKeys {
  readonly keys: AttestationKeySet;
  /** `jwks_uri` of its OpenID metadata. */
  readonly keySetUrl: string;
}

/** Where the keys of the authorities that release policies name come from. */
export interface AuthorityKeys {
  /**
   * The keys that the service at `origin` publishes, with `kid` among them if it is there at all.
   * @throws DependencyError RELEASE_AUTHORITY_UNREACHABLE
   */
  keysOf(origin: string, kid: string | undefined): Promise<PublishedKeys>;
}

const LIFE_MS = 60 * 60 * 1000;
/** Tokens with invented key ids must not turn the vault into a load on the attestation service. */
const REFRESH_PAUSE_MS = 5 * 60 * 1000;
const MAX_AUTHORITIES = 100;
const CODE = 'RELEASE_AUTHORITY_UNREACHABLE';

interface Entry extends PublishedKeys {
  readonly fetchedAt: number;
}

/**
 * Keys by OpenID discovery over verified TLS: the metadata must name the authority as its issuer and keys on the same host.
 * They are kept for an hour; an unknown key id fetches them anew, at most every five minutes.
 */
export function createAuthorityKeys(options: {
  readonly client: Pick<HttpClient, 'send'>;
  readonly clock: Clock;
}): AuthorityKeys {
  const entries = new Map<string, Promise<Entry>>();

  const getJson = async (url: string): Promise<Uint8Array> => {
    const answer = await options.client.send({ url, timeoutMs: 10_000, maxBytes: 1024 * 1024 });
    if (answer.status !== 200) throw new Error(`${url} answered with status ${answer.status}`);
    return answer.body;
  };
  const fetchKeys = async (origin: string): Promise<Entry> => {
    const fetchedAt = options.clock();
    try {
      const metadata = parseJsonObject(await getJson(`${origin}/.well-known/openid-configuration`), CODE);
      const { issuer, jwks_uri: keySetUrl } = metadata;
      if (typeof issuer !== 'string' || !isAuthority(origin, issuer))
        throw new Error('its metadata name another issuer');
      if (typeof keySetUrl !== 'string' || URL.parse(keySetUrl)?.origin !== origin) {
        throw new Error('its keys are on another host');
      }
      return { keys: parseAttestationJwks(await getJson(keySetUrl)), keySetUrl, fetchedAt };
    } catch (cause) {
      throw new DependencyError(CODE, `no keys of ${origin}: ${errorMessage(cause)}`, {
        retryable: true,
        cause,
        action: 'Check that the vault reaches the attestation service that the release policy names.',
      });
    }
  };
  const start = (origin: string): Promise<Entry> => {
    const fetched = fetchKeys(origin);
    // Policies can name any number of authorities; only so many are remembered.
    if (entries.size >= MAX_AUTHORITIES) entries.clear();
    entries.set(origin, fetched);
    fetched.catch(() => entries.delete(origin)); // the caller gets the failure; the next release asks again
    return fetched;
  };

  return {
    async keysOf(origin, kid) {
      const entry = await (entries.get(origin) ?? start(origin));
      const age = options.clock() - entry.fetchedAt;
      const unknown = kid !== undefined && entry.keys.find(kid).length === 0;
      return age > LIFE_MS || (unknown && age > REFRESH_PAUSE_MS) ? start(origin) : entry;
    },
  };
}
