import { readFile } from 'node:fs/promises';

import type { ExchangedToken } from '@holdfast/admission';
import type { Clock } from '@holdfast/base';

import { exchange } from '../tokens/principal-token.ts';
import type { Send } from '../tokens/outbound.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const MAX_KEPT = 128;
/** A token is asked for anew when less than this much of its life is left. */
const SPARE_SECONDS = 300;

export interface TokenExchangeOptions {
  readonly authorityHost: string;
  readonly tenantId: string;
  readonly tokenFile: string;
  readonly send: Send;
  readonly clock: Clock;
  readonly readToken?: (file: string) => Promise<string>;
}

/**
 * Tokens of Entra ID for the pod's service account token (RFC 7523 section 2.2), kept while they are good. Requests for the same
 * token share one exchange. The file is read for each exchange, since the kubelet renews it.
 */
export function createTokenExchange(
  options: TokenExchangeOptions,
): (clientId: string, scope: string, signal: AbortSignal) => Promise<ExchangedToken> {
  const { clock } = options;
  const kept = new Map<string, KeptToken>();
  const readToken = options.readToken ?? ((file: string) => readFile(file, 'utf8'));
  const ask = async (clientId: string, scope: string): Promise<ExchangedToken> => {
    const host = new URL(options.authorityHost);
    const form = new URLSearchParams({
      client_id: clientId,
      scope,
      grant_type: 'client_credentials',
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: (await readToken(options.tokenFile)).trim(),
    });
    const path = `${host.pathname.replace(/\/$/, '')}/${encodeURIComponent(options.tenantId)}/oauth2/v2.0/token`;
    // Others may wait for the same token: it does not end with the first caller.
    const { signal } = new AbortController();
    const token = await exchange({ origin: host.origin, path, form, signal }, options);
    return { token: token.accessToken, expiresOn: Math.floor(clock() / 1000) + Number(token.expiresIn) };
  };
  return async (clientId, scope) => {
    const key = JSON.stringify([clientId, scope]);
    const known = kept.get(key);
    // One that is still being asked for is everybody's.
    if (known !== undefined && (known.expiresOn ?? Infinity) - SPARE_SECONDS > clock() / 1000) return await known.token;
    const entry: KeptToken = { token: ask(clientId, scope), expiresOn: undefined };
    kept.delete(key);
    kept.set(key, entry);
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break;
      kept.delete(oldest);
    }
    try {
      const token = await entry.token;
      entry.expiresOn = token.expiresOn;
      return token;
    } catch (error) {
      // A failure is not kept.
      if (kept.get(key) === entry) kept.delete(key);
      throw error;
    }
  };
}

interface KeptToken {
  readonly token: Promise<ExchangedToken>;
  /** Undefined while it is being asked for. */
  expiresOn: number | undefined;
}
