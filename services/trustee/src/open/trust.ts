import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import { isJsonObject, member, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { fromUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import type { TrusteeConfig } from '../config-schema.ts';
import { allowEveryone, createAdministrators, denyEveryone } from '../kbs/administrators.ts';
import type { Administrators, AdminKey } from '../kbs/administrators.ts';
import { keyOfJwk } from '../kbs/token-verifier.ts';
import type { TokenTrust } from '../kbs/token-verifier.ts';
import { certificatesOf, readText } from './files.ts';

const FETCH_TIMEOUT_MS = 15_000;

/** The keys and certificates under which attestation tokens are believed. */
export async function openTokenTrust(
  { attestation_token: token }: TrusteeConfig,
  client: Pick<HttpClient, 'send'>,
): Promise<TokenTrust> {
  const keys = new Map<string, { readonly key: KeyObject; readonly algorithm: string }>();
  for (const uri of token.trusted_jwk_sets) {
    for (const [kid, jwk] of await keysOfSet(uri, client)) keys.set(kid, keyOfJwk(jwk));
  }
  const files = await Promise.all(token.trusted_certs_paths.map(readText));
  return {
    keys,
    certificates: files.flatMap((pem) => certificatesOf(pem)),
    insecureHeaderKey: token.insecure_header_jwk,
    extraTeeKeyPaths: token.extra_teekey_paths,
  };
}

/** Who may administer, and what. */
export async function openAdministrators(
  { admin }: TrusteeConfig,
  client: Pick<HttpClient, 'send'>,
  clock: Clock,
): Promise<Administrators> {
  if (admin.authorization_mode === 'InsecureAllowAll') return allowEveryone;
  if (admin.authorization_mode === 'DenyAll') return denyEveryone;
  const configured = admin.authentication?.bearer_jwt.identity_providers ?? [];
  const providers = await Promise.all(
    configured.map(async ({ issuer, audience, public_key_uri: keyUri, jwk_set_uri: setUri }) => {
      const keys: AdminKey[] = [];
      if (keyUri !== undefined) keys.push({ key: createPublicKey(await readUri(keyUri, client)) });
      if (setUri !== undefined) {
        for (const [, jwk] of await keysOfSet(setUri, client)) keys.push(adminKey(jwk));
      }
      return { issuer, audience, keys };
    }),
  );
  const rules = (admin.authorization?.regex_acl.acls ?? []).map(({ role, allowed_endpoints: pattern }) => ({
    role,
    allowedEndpoints: pattern,
  }));
  return createAdministrators(providers, rules, clock);
}

function adminKey(jwk: JsonObject): AdminKey {
  const algorithm = member(jwk, 'alg');
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return { key, ...(typeof algorithm === 'string' ? { algorithm } : {}) };
}

async function keysOfSet(
  uri: string,
  client: Pick<HttpClient, 'send'>,
): Promise<readonly (readonly [string, JsonObject])[]> {
  const direct = keysIn(await readUri(uri, client));
  if (direct.length > 0 || !uri.startsWith('https://')) return direct;
  const metadata = parseJsonObject(
    await readUri(`${uri.replace(/\/+$/, '')}/.well-known/openid-configuration`, client),
    'TRUSTEE_CONFIG_INVALID',
  );
  const keysUri = member(metadata, 'jwks_uri');
  return typeof keysUri === 'string' && keysUri.startsWith('https://') ? keysIn(await readUri(keysUri, client)) : [];
}

function keysIn(text: string): readonly (readonly [string, JsonObject])[] {
  let keys: JsonValue | undefined;
  try {
    keys = member(parseJsonObject(text, 'TRUSTEE_CONFIG_INVALID'), 'keys');
  } catch {
    return []; // no key set: the metadata of the issuer may name one
  }
  if (!Array.isArray(keys)) return [];
  return (keys as readonly JsonValue[]).flatMap((jwk, at): (readonly [string, JsonObject])[] => {
    if (!isJsonObject(jwk)) return [];
    const kid = member(jwk, 'kid');
    return [[typeof kid === 'string' ? kid : `#${at}`, jwk]];
  });
}

async function readUri(uri: string, client: Pick<HttpClient, 'send'>): Promise<string> {
  if (!uri.startsWith('https://')) return readText(uri.startsWith('file://') ? fileURLToPath(uri) : uri);
  const { status, body } = await client.send({ url: uri, timeoutMs: FETCH_TIMEOUT_MS, maxBytes: 1024 * 1024 });
  return status === 200 ? fromUtf8(body) : '';
}
