import { createPublicKey, verify } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';

import { toUtf8 } from '@holdfast/base';

import type { FederatedCredential } from './directory.ts';
import { EntraRefusal } from './entra-refusal.ts';
import { parseCompactJwt } from './jwt.ts';
import type { CompactJwt } from './jwt.ts';

/** The signing keys that an issuer publishes; rejects when they cannot be fetched. */
export type FetchIssuerKeys = (issuer: string) => Promise<readonly (JsonWebKey & { readonly kid?: string })[]>;

const SKEW_SECONDS = 300;

/**
 * Checks a client assertion (RFC 7523) against the federated credentials of an application, in the order of Entra ID:
 * issuer, keys, signature, time, audience, subject.
 * @throws EntraRefusal AADSTS 700211, 90061, 700027, 700024, 700212, 700213
 */
export async function verifyClientAssertion(
  assertion: string,
  credentials: readonly FederatedCredential[],
  fetchIssuerKeys: FetchIssuerKeys,
  nowSeconds: number,
): Promise<void> {
  const jwt = parseAssertion(assertion);
  const { iss, sub, aud, exp, nbf } = jwt.payload;
  const audiences = Array.isArray(aud) ? aud : [aud];
  const noMatch = (code: number): EntraRefusal =>
    new EntraRefusal(
      401,
      'invalid_client',
      code,
      `No matching federated identity record found for presented assertion. Assertion Issuer: '${String(iss)}'. ` +
        `Assertion Subject: '${String(sub)}'. Assertion Audience: '${audiences.map(String).join(',')}'.`,
    );

  const ofIssuer = credentials.filter((credential) => credential.issuer === iss);
  if (typeof iss !== 'string' || ofIssuer.length === 0) throw noMatch(700211);
  await verifySignature(jwt, iss, fetchIssuerKeys);
  const early = typeof nbf === 'number' && nbf > nowSeconds + SKEW_SECONDS;
  if (typeof exp !== 'number' || exp <= nowSeconds - SKEW_SECONDS || early) {
    const [current, expiry] = [nowSeconds, exp].map(shownTime);
    throw new EntraRefusal(
      401,
      'invalid_client',
      700024,
      `Client assertion is not within its valid time range. Current time: ${current}, expiry time of assertion ${expiry}.`,
    );
  }
  const ofAudience = ofIssuer.filter((credential) => credential.audiences.some((known) => audiences.includes(known)));
  if (ofAudience.length === 0) throw noMatch(700212);
  if (!ofAudience.some((credential) => credential.subject === sub)) throw noMatch(700213);
}

/** A time claim as the message shows it; whatever is no moment that a calendar knows is shown as text. */
function shownTime(seconds: unknown): string {
  const time = new Date(Number(seconds) * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString();
}

function parseAssertion(assertion: string): CompactJwt {
  try {
    return parseCompactJwt(assertion.trim());
  } catch {
    // Whatever is wrong with the text, Entra ID answers the same.
    throw new EntraRefusal(401, 'invalid_client', 700027, 'The client assertion is not a JWT in compact form.');
  }
}

async function verifySignature(jwt: CompactJwt, issuer: string, fetchIssuerKeys: FetchIssuerKeys): Promise<void> {
  let keys: Awaited<ReturnType<FetchIssuerKeys>>;
  try {
    keys = await fetchIssuerKeys(issuer);
  } catch {
    throw new EntraRefusal(400, 'invalid_request', 90061, 'Request to External OIDC endpoint failed.');
  }
  const key = keys.find((candidate) => candidate.kid === jwt.header['kid'] && candidate.kty === 'RSA');
  if (key === undefined || jwt.header['alg'] !== 'RS256' || !signatureHolds(jwt, key)) {
    throw new EntraRefusal(401, 'invalid_client', 700027, 'Client assertion failed signature validation.');
  }
}

function signatureHolds(jwt: CompactJwt, key: JsonWebKey): boolean {
  try {
    return verify('sha256', toUtf8(jwt.signingInput), createPublicKey({ key, format: 'jwk' }), jwt.signature);
  } catch {
    return false; // an issuer that publishes a key which is none has signed nothing
  }
}
