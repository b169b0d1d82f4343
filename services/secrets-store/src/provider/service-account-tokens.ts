import { errorMessage } from '@holdfast/base';

/** Audience of tokens that Entra ID takes in exchange for its own. */
export const EXCHANGE_AUDIENCE = 'api://AzureADTokenExchange';
/** Audience of tokens for the token proxy of a cluster. */
export const BINDING_AUDIENCE = 'api://AKSIdentityBinding';

/**
 * The token for an audience out of the JSON that kubelet gives to a CSI driver:
 * `{ "<audience>": { "token": "…", "expirationTimestamp": "…" } }`.
 * @throws Error in the provider's words; no part of a token is in them
 */
export function tokenFor(tokens: string, audience: string): string {
  if (tokens === '') throw new Error('service account tokens not found');
  const { token } = readEntry(tokens, audience) ?? {};
  if (token === undefined || token === '') throw new Error(`token for audience ${audience} not found`);
  return token;
}

function readEntry(tokens: string, audience: string): { readonly token?: string } | undefined {
  let all: unknown;
  try {
    all = JSON.parse(tokens);
  } catch (cause) {
    throw new Error(`failed to unmarshal service account tokens, error: ${shortReason(cause)}`, { cause });
  }
  if (typeof all !== 'object' || all === null || Array.isArray(all)) throw unreadable('not an object');
  for (const entry of Object.values(all) as unknown[]) {
    if (typeof entry !== 'object' || entry === null) throw unreadable('an entry is not an object');
    const { token = '', expirationTimestamp } = entry as { token?: unknown; expirationTimestamp?: unknown };
    if (typeof token !== 'string') throw unreadable('a token is not a text');
    const isTime = typeof expirationTimestamp === 'string' && !Number.isNaN(Date.parse(expirationTimestamp));
    if (expirationTimestamp !== undefined && !isTime) throw unreadable('an expirationTimestamp is no time');
  }
  return Object.hasOwn(all, audience) ? (all as Record<string, { readonly token?: string }>)[audience] : undefined;
}

function unreadable(reason: string): Error {
  return new Error(`failed to unmarshal service account tokens, error: ${reason}`);
}

/** Messages of JSON.parse quote their input, which holds tokens. */
function shortReason(cause: unknown): string {
  return cause instanceof SyntaxError ? 'not JSON' : errorMessage(cause);
}
