import { createPublicKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { isJsonObject, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { errorMessage, VerificationError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { compactVerify, decodeProtectedHeader } from 'jose';

import { leadsToTrusted } from './certificate-path.ts';
import { parseTeePublicKey } from './tee-public-key.ts';
import type { TeePublicKey } from './tee-public-key.ts';

/** A token that holds: its claims, and the key of the guest that replies are encrypted to. */
export interface VerifiedToken {
  readonly claims: JsonObject;
  readonly teeKey: TeePublicKey;
}

export interface TokenTrust {
  /** Keys by key id, with the algorithm each is for. */
  readonly keys: ReadonlyMap<string, { readonly key: KeyObject; readonly algorithm: string }>;
  readonly certificates: readonly X509Certificate[];
  /** Takes the key a token brings. For tests. */
  readonly insecureHeaderKey: boolean;
  /** JSON pointers that are tried before the known ones. */
  readonly extraTeeKeyPaths: readonly string[];
}

export type TokenVerifier = (token: string) => Promise<VerifiedToken>;

const CLOCK_SKEW_SECONDS = 60;
const MAX_TOKEN_LENGTH = 256 * 1024;
const ALGORITHMS: ReadonlySet<string> = new Set(['ES256', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
const TEE_KEY_PATHS = [
  '/tdx/attester_runtime_data/tee-pubkey',
  '/tdx/attester_user_data/tee-pubkey',
  '/customized_claims/runtime_data/tee-pubkey',
  '/submods/cpu0/ear.veraison.annotated-evidence/runtime_data_claims/tee-pubkey',
  '/tee-pubkey',
];

/**
 * Verifies attestation tokens. The algorithm is that of the key, never one the token chooses.
 * The verifier throws VerificationError TRUSTEE_TOKEN_REFUSED.
 */
export function createTokenVerifier(trust: TokenTrust, clock: Clock): TokenVerifier {
  return async (token) => {
    try {
      return await verifyToken(token, trust, clock);
    } catch (cause) {
      if (cause instanceof VerificationError) throw cause;
      throw refused(errorMessage(cause), cause);
    }
  };
}

async function verifyToken(token: string, trust: TokenTrust, clock: Clock): Promise<VerifiedToken> {
  if (token.length > MAX_TOKEN_LENGTH) throw refused('it is too long');
  const header = decodeProtectedHeader(token);
  const { key, algorithm } = keyFor(header, trust, clock());
  const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
  const claims = parseJsonObject(payload, 'TRUSTEE_TOKEN_REFUSED');
  const expires = claims['exp'];
  if (typeof expires !== 'number') throw refused('it says not when it expires');
  if (expires + CLOCK_SKEW_SECONDS <= clock() / 1000) throw refused('it is expired');
  const notBefore = claims['nbf'];
  if (typeof notBefore === 'number' && notBefore - CLOCK_SKEW_SECONDS > clock() / 1000)
    throw refused('it is not valid yet');
  return { claims, teeKey: teeKeyOf(claims, trust.extraTeeKeyPaths) };
}

interface ChosenKey {
  readonly key: KeyObject;
  readonly algorithm: string;
}

function keyFor(header: Readonly<Record<string, unknown>>, trust: TokenTrust, now: number): ChosenKey {
  const { jwk, kid } = header;
  if (jwk !== undefined) return keyFromHeader(jwk, trust, now);
  const known = typeof kid === 'string' ? trust.keys.get(kid) : undefined;
  if (known === undefined) throw refused('it names no trusted key');
  return known;
}

function keyFromHeader(jwk: unknown, trust: TokenTrust, now: number): ChosenKey {
  if (!isJsonObject(jwk as JsonValue)) throw refused('the key in its header is no object');
  const chosen = keyOfJwk(jwk as JsonObject);
  if (trust.insecureHeaderKey) return chosen;
  checkEndorsement(jwk as JsonObject, chosen.key, trust.certificates, now);
  return chosen;
}

/** The key of a JWK with the algorithm it names. */
export function keyOfJwk(jwk: JsonObject): ChosenKey {
  const { alg, kty, crv } = jwk;
  if (typeof alg !== 'string' || !ALGORITHMS.has(alg)) throw refused('its key names no algorithm that is allowed');
  const fits = alg === 'ES256' ? kty === 'EC' && crv === 'P-256' : kty === 'RSA';
  if (!fits) throw refused('its key does not fit the algorithm');
  const members = Object.fromEntries(
    ['kty', 'crv', 'x', 'y', 'n', 'e'].flatMap((name) => (typeof jwk[name] === 'string' ? [[name, jwk[name]]] : [])),
  );
  return { key: createPublicKey({ key: members, format: 'jwk' }), algorithm: alg };
}

/**
 * Checks that certificates in a JWK (`x5c`, leaf first) vouch for its key.
 * @throws VerificationError TRUSTEE_TOKEN_REFUSED
 */
export function checkEndorsement(
  jwk: JsonObject,
  key: KeyObject,
  trusted: readonly X509Certificate[],
  now: number,
): void {
  const { x5c } = jwk;
  if (trusted.length === 0) throw refused('it brings its key, and no certificate is trusted');
  if (!Array.isArray(x5c) || x5c.length === 0) throw refused('it brings its key without a certificate');
  const [leaf, ...intermediates] = (x5c as readonly JsonValue[]).slice(0, 9).map(certificateOf);
  if (leaf === undefined) throw refused('it brings its key without a certificate');
  if (!spki(leaf.publicKey).equals(spki(key))) throw refused('its certificate is for another key');
  if (!leadsToTrusted(leaf, intermediates, trusted, now)) throw refused('its certificate leads to no trusted one');
}

function certificateOf(item: JsonValue): X509Certificate {
  if (typeof item !== 'string') throw refused('a certificate in its header is no text');
  return new X509Certificate(Buffer.from(item, 'base64'));
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function teeKeyOf(claims: JsonObject, extraPaths: readonly string[]): TeePublicKey {
  for (const path of [...extraPaths, ...TEE_KEY_PATHS]) {
    const found = atPointer(claims, path);
    if (found !== undefined) return parseTeePublicKey(found);
  }
  throw refused('it names no key of a guest');
}

/** RFC 6901, for members of objects. */
export function atPointer(value: JsonValue, pointer: string): JsonValue | undefined {
  let found: JsonValue | undefined = value;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isJsonObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return found;
}

function refused(reason: string, cause?: unknown): VerificationError {
  return new VerificationError('TRUSTEE_TOKEN_REFUSED', `the attestation token is refused: ${reason}`, { cause });
}
