import type { MatchingRules } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import type { Sleep } from '@holdfast/deployment';

import type { OutboundAnswer, Send } from './outbound.ts';
import { parseToken, TokenRefreshError, TokenUnavailableError } from './token.ts';
import type { Token } from './token.ts';

export interface MetadataSource {
  /** `http://169.254.169.254:80` */
  readonly origin: string;
  readonly send: Send;
  readonly sleep: Sleep;
  readonly rules: MatchingRules;
}

const PATH = '/metadata/identity/oauth2/token';
const RETRIED = new Set([404, 408, 410, 429]);
/** Seconds after each try; the reference waits even after the last. */
const WAITS = [2, 6, 14, 30, 60];

/**
 * Asks the metadata service of the node. Without a client id the node's default identity answers.
 * @throws TokenRefreshError with the service's answer; TokenUnavailableError when it cannot be reached
 */
export async function metadataToken(
  wanted: { readonly clientId: string; readonly resource: string },
  source: MetadataSource,
  signal: AbortSignal,
): Promise<Token> {
  const query = new URLSearchParams({ 'api-version': '2018-02-01' });
  if (wanted.clientId !== '') query.set('client_id', wanted.clientId);
  query.set('resource', wanted.resource);
  const answer = await askPatiently(`${PATH}?${query.toString()}`, source, signal);
  return readTokenAnswer(answer, `${source.origin}${PATH}`);
}

/** A token out of an endpoint's answer; throws TokenRefreshError for everything else. */
export function readTokenAnswer({ status, body }: OutboundAnswer, endpoint: string): Token {
  const text = Buffer.from(body).toString('utf8');
  if (status !== 200) throw refused(status, text, endpoint);
  try {
    return parseToken(text);
  } catch {
    throw refused(status, text, endpoint);
  }
}

async function askPatiently(path: string, source: MetadataSource, signal: AbortSignal): Promise<OutboundAnswer> {
  const call = { method: 'GET', origin: source.origin, path, headers: { Metadata: 'true' }, signal };
  for (const [index, seconds] of WAITS.entries()) {
    let answer: OutboundAnswer;
    try {
      answer = await source.send(call);
    } catch (error) {
      throw new TokenUnavailableError(`adal: Failed to execute the refresh request. Error = '${errorMessage(error)}'`);
    }
    const isLast = index === WAITS.length - 1;
    if (!(RETRIED.has(answer.status) || answer.status >= 500)) return answer;
    if (isLast && source.rules === 'strict') return answer;
    await source.sleep(seconds * 1000, signal);
    if (isLast) return answer;
  }
  throw new TokenUnavailableError('the metadata service was not asked');
}

function refused(status: number, body: string, endpoint: string): TokenRefreshError {
  return new TokenRefreshError(
    `adal: Refresh request failed. Status Code = '${status}'. Response body: ${body} Endpoint ${endpoint}`,
  );
}
