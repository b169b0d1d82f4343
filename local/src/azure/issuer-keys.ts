import type { JsonWebKey } from 'node:crypto';

import { DependencyError, errorMessage, fromUtf8 } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import type { FetchIssuerKeys } from './client-assertion.ts';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 256 * 1024;
const CONFIGURATION = '/.well-known/openid-configuration';

/**
 * Gets the keys of an issuer as Entra ID does: OpenID discovery over verified TLS, without redirects, from documents that are
 * `application/json` and name this very issuer. Nothing is kept, so that a rotated key counts at once.
 * The function throws DependencyError ISSUER_KEYS_UNAVAILABLE.
 */
export function createIssuerKeys(client: Pick<HttpClient, 'send'>): FetchIssuerKeys {
  const getJson = async (url: string): Promise<Readonly<Record<string, unknown>>> => {
    const parsed = URL.parse(url);
    if (parsed?.protocol !== 'https:') throw new Error(`${url} is not an https URL`);
    const answer = await client.send({ url, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
    if (answer.status !== 200) throw new Error(`${url} answered with status ${answer.status}`);
    if (!/^application\/json\b/i.test(answer.headers['content-type'] ?? '')) throw new Error(`${url} is no JSON`);
    const value: unknown = JSON.parse(fromUtf8(answer.body));
    if (typeof value !== 'object' || value === null) throw new Error(`${url} is no JSON object`);
    return value as Record<string, unknown>;
  };
  return async (issuer) => {
    try {
      const configuration = await getJson(`${issuer.replace(/\/$/, '')}${CONFIGURATION}`);
      if (configuration['issuer'] !== issuer) throw new Error('its configuration names another issuer');
      const { keys } = await getJson(String(configuration['jwks_uri']));
      if (!Array.isArray(keys)) throw new Error('its key set has no keys');
      return keys.filter((key): key is JsonWebKey & { kid?: string } => typeof key === 'object' && key !== null);
    } catch (cause) {
      throw new DependencyError('ISSUER_KEYS_UNAVAILABLE', `no keys of ${issuer}: ${errorMessage(cause)}`, {
        retryable: true,
        cause,
        action: 'Check that the documents of the issuer are public, https, and not redirected.',
      });
    }
  };
}
