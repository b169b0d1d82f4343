import type { FederatedCredential } from './directory.ts';
import { EntraRefusal } from './entra-refusal.ts';
import { parseCompactJwt } from './jwt.ts';
import type { CompactJwt } from './jwt.ts';
import { isSignedBy } from './jwt-signature.ts';
import type { PublishedKey } from './jwt-signature.ts';

/** The signing keys that an issuer publishes; rejects when they cannot be fetched. */
export type FetchIssuerKeys = (issuer: string) => Promise<readonly PublishedKey[]>;

const SKEW_SECONDS = 300;
/** Assertions that are made to live longer than a day are refused, with some slack. */
const LONGEST_ASSERTION_SECONDS = 24 * 60 * 60 + SKEW_SECONDS;

/**
 * Checks a client assertion (RFC 7523) against the federated credentials of an application, in the order of Entra ID:
 * issuer, keys, signature, time, audience, subject.
 * @throws EntraRefusal AADSTS 700211, 90061, 700027, 700024, 70023, 700212, 700213
 */
export async function verifyClientAssertion(
  assertion: string,
  credentials: readonly FederatedCredential[],
  fetchIssuerKeys: FetchIssuerKeys,
  nowSeconds: number,
): Promise<void> {
  const jwt = parseAssertion(assertion);
  const { iss, sub, aud, exp, nbf, iat } = jwt.payload;
  const audiences = Array.isArray(aud) ? aud : [aud];
  const noMatch = (code: number): EntraRefusal =>
    new EntraRefusal(
      401,
      'invalid_client',
      code,
      `No matching federated identity record found for presented assertion. Assertion Issuer: '${String(iss)}'. ` +
        `Assertion Subject: '${String(sub)}'. Assertion Audience: '${audiences.map(String).join(',')}'.`,
    );

  // A new credential takes its time to be known everywhere; until then it is as if it were not there.
  const ofIssuer = credentials.filter(
    ({ issuer, effectiveAt = 0 }) => issuer === iss && effectiveAt <= nowSeconds * 1000,
  );
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
  const begun = typeof iat === 'number' ? iat : nbf;
  if (typeof begun === 'number' && exp - begun > LONGEST_ASSERTION_SECONDS) {
    throw new EntraRefusal(
      401,
      'invalid_client',
      70023,
      'The client assertion was made for a longer time than the service accepts.',
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
  if (!isSignedBy(keys, jwt)) {
    throw new EntraRefusal(401, 'invalid_client', 700027, 'Client assertion failed signature validation.');
  }
}
