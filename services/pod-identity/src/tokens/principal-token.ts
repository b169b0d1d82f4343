import { createPrivateKey, createHash, randomUUID, sign, X509Certificate } from 'node:crypto';

import type { AzureIdentity } from '@holdfast/admission';
import type { Clock } from '@holdfast/base';
import { errorMessage } from '@holdfast/base';

import { readTokenAnswer } from './metadata-token.ts';
import type { Send } from './outbound.ts';
import { TokenUnavailableError } from './token.ts';
import type { Token } from './token.ts';

const DEFAULT_AUTHORITY = 'https://login.microsoftonline.com/';
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const ASSERTION_SECONDS = 600;

export interface PrincipalSource {
  readonly send: Send;
  readonly clock: Clock;
  /** Hosts that a secret may be sent to; the AzureIdentity names one, and whoever writes it need not be trusted with the secret. */
  readonly authorities: readonly string[];
}

/** What a service principal proves itself with. */
export type PrincipalProof = { readonly secret: string } | { readonly certificate: string; readonly key: string };

/**
 * Client credentials of one tenant.
 * @throws TokenRefreshError with Entra ID's answer; TokenUnavailableError when it cannot be asked
 */
export async function principalToken(
  wanted: { readonly identity: AzureIdentity; readonly tenantId: string; readonly resource: string },
  proof: PrincipalProof,
  source: PrincipalSource,
  signal: AbortSignal,
): Promise<Token> {
  const { identity, tenantId, resource } = wanted;
  const origin = authorityOrigin(identity.adEndpoint || DEFAULT_AUTHORITY, source.authorities);
  const path = `/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`;
  const endpoint = `${origin}${path}`;
  const form = new URLSearchParams({
    client_id: identity.clientId,
    scope: resource.endsWith('/.default') ? resource : `${resource}/.default`,
    grant_type: 'client_credentials',
    ...('secret' in proof
      ? { client_secret: proof.secret }
      : {
          client_assertion_type: ASSERTION_TYPE,
          client_assertion: assertion(identity.clientId, endpoint, proof, source.clock),
        }),
  });
  const answer = await exchange({ origin, path, form, signal }, source);
  return withTimes(answer, resource, source.clock);
}

/** Posts a form to a token endpoint; throws as `principalToken` does. */
export async function exchange(
  call: {
    readonly origin: string;
    readonly path: string;
    readonly form: URLSearchParams;
    readonly signal: AbortSignal;
  },
  { send }: Pick<PrincipalSource, 'send'>,
): Promise<Token> {
  const { origin, path, form, signal } = call;
  try {
    const answer = await send({
      method: 'POST',
      origin,
      path,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      signal,
    });
    return readTokenAnswer(answer, `${origin}${path}`);
  } catch (error) {
    if (error instanceof Error && error.name === 'TokenRefreshError') throw error;
    throw new TokenUnavailableError(`adal: Failed to execute the refresh request. Error = '${errorMessage(error)}'`);
  }
}

/** The endpoint of today says less than the one that applications were written for. */
function withTimes(token: Token, resource: string, clock: Clock): Token {
  const now = Math.floor(clock() / 1000);
  return {
    ...token,
    resource: token.resource || resource,
    notBefore: token.notBefore || String(now),
    expiresOn: token.expiresOn || String(now + Number(token.expiresIn)),
  };
}

function authorityOrigin(endpoint: string, authorities: readonly string[]): string {
  const url = URL.parse(endpoint);
  if (url?.protocol === 'https:' && authorities.includes(url.host)) return url.origin;
  throw new TokenUnavailableError(`adEndpoint ${JSON.stringify(endpoint)} is not among the configured authorities`);
}

function assertion(
  clientId: string,
  audience: string,
  proof: { readonly certificate: string; readonly key: string },
  clock: Clock,
): string {
  const certificate = new X509Certificate(proof.certificate);
  const now = Math.floor(clock() / 1000);
  const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url');
  const header = { alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint };
  const claims = {
    aud: audience,
    iss: clientId,
    sub: clientId,
    jti: randomUUID(),
    nbf: now,
    exp: now + ASSERTION_SECONDS,
  };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const key = createPrivateKey(proof.key);
  // RSASSA-PSS with a salt as long as the digest.
  const signature = sign('sha256', Buffer.from(signed), { key, padding: 6, saltLength: 32 });
  return `${signed}.${signature.toString('base64url')}`;
}
