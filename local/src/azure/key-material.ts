import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { fromBase64Url, RequestError, toBase64Url } from '@holdfast/base';
import { z } from 'zod';

const generate = promisify(generateKeyPair);

/** The kinds of keys a vault holds; `-HSM` ones stay in hardware, and only they can be released. */
export const KEY_TYPES = ['EC', 'EC-HSM', 'RSA', 'RSA-HSM', 'oct', 'oct-HSM'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** The private key: PKCS#8 DER for RSA and EC, raw bytes for oct. */
export interface KeyMaterial {
  readonly kty: KeyType;
  /** Azure's name of the curve, for EC. */
  readonly crv?: string | undefined;
  readonly secret: Uint8Array;
}

/** A JWK with its private part, as a key is imported. Members that are not read here are ignored. */
export const importedKeySchema = z.object({
  kty: z.enum(KEY_TYPES),
  key_ops: z.array(z.string()).optional(),
  k: z.string().optional(),
  crv: z.string().optional(),
  ...Object.fromEntries(
    (['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi', 'x', 'y'] as const).map((name) => [name, z.string().optional()]),
  ),
});
export type ImportedKey = { readonly kty: KeyType; readonly key_ops?: readonly string[] | undefined } & {
  readonly [name in 'k' | 'crv' | 'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi' | 'x' | 'y']?: string | undefined;
};

/** Azure's names of curves, and OpenSSL's. */
const CURVES: Readonly<Record<string, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
  'P-256K': 'secp256k1',
};
const MAX_OCT_BYTES = 64;
const PUBLIC_MEMBERS = ['n', 'e', 'x', 'y'] as const;

/** The kind of a key without the place it is kept in. */
export function familyOf(kty: KeyType): 'EC' | 'RSA' | 'oct' {
  return kty.replace(/-HSM$/, '') as 'EC' | 'RSA' | 'oct';
}

export function isHsm(kty: KeyType): boolean {
  return kty.endsWith('-HSM');
}

/**
 * A fresh key.
 * @throws RequestError VAULT_KEY_PARAMETER_INVALID
 */
export async function generateKeyMaterial(request: {
  readonly kty: KeyType;
  readonly keySize?: number | undefined;
  readonly crv?: string | undefined;
  readonly publicExponent?: number | undefined;
}): Promise<KeyMaterial> {
  const { kty } = request;
  switch (familyOf(kty)) {
    case 'RSA': {
      const modulusLength = request.keySize ?? 2048;
      if (![2048, 3072, 4096].includes(modulusLength)) throw invalid(`RSA key size ${modulusLength} is not supported`);
      const publicExponent = request.publicExponent ?? 65_537;
      if (![3, 17, 257, 65_537].includes(publicExponent)) throw invalid('The public exponent is not supported');
      const { privateKey } = await generate('rsa', { modulusLength, publicExponent });
      return { kty, secret: pkcs8(privateKey) };
    }
    case 'EC': {
      const crv = request.crv ?? 'P-256';
      const namedCurve = Object.hasOwn(CURVES, crv) ? CURVES[crv] : undefined;
      if (namedCurve === undefined) throw invalid(`The curve ${crv.slice(0, 20)} is not supported`);
      const { privateKey } = await generate('ec', { namedCurve });
      return { kty, crv, secret: pkcs8(privateKey) };
    }
    default: {
      const bits = request.keySize ?? 256;
      if (![128, 192, 256].includes(bits)) throw invalid(`Symmetric key size ${bits} is not supported`);
      return { kty, secret: new Uint8Array(randomBytes(bits / 8)) };
    }
  }
}

/**
 * The key that a client brings.
 * @throws RequestError VAULT_KEY_PARAMETER_INVALID
 */
export function importKeyMaterial(key: ImportedKey): KeyMaterial {
  const { kty } = key;
  if (familyOf(kty) === 'oct') {
    const secret = bytesOf(key.k, 'k');
    if (secret.length > MAX_OCT_BYTES) {
      throw invalid(`JSON Web Key: k property of oct key is too large, maximum size is ${MAX_OCT_BYTES}`);
    }
    return { kty, secret };
  }
  const family = familyOf(kty);
  const crv = family === 'EC' ? (key.crv ?? '') : undefined;
  if (crv !== undefined && !Object.hasOwn(CURVES, crv)) throw invalid(`The curve ${crv.slice(0, 20)} is not supported`);
  const names = family === 'EC' ? (['d', 'x', 'y'] as const) : (['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const);
  const jwk: JsonWebKey = {
    kty: family,
    ...(crv === undefined ? {} : { crv: crv === 'P-256K' ? 'secp256k1' : crv }),
    ...Object.fromEntries(names.map((name) => [name, toBase64Url(bytesOf(key[name], name))])),
  };
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    throw invalid('JSON Web Key: the members are not a private key'); // the cause could quote the key
  }
  if (family === 'RSA' && ![2048, 3072, 4096].includes(privateKey.asymmetricKeyDetails?.modulusLength ?? 0)) {
    throw invalid('RSA key sizes are 2048, 3072 and 4096');
  }
  return { kty, ...(crv === undefined ? {} : { crv }), secret: pkcs8(privateKey) };
}

/** The private key of RSA and EC material. */
export function privateKeyOf(material: KeyMaterial): KeyObject {
  return createPrivateKey({ key: Buffer.from(material.secret), format: 'der', type: 'pkcs8' });
}

/** The public members of the JWK; none for a symmetric key. */
export function publicMembers(material: KeyMaterial): Readonly<Record<string, string>> {
  if (familyOf(material.kty) === 'oct') return {};
  const jwk = createPublicKey(privateKeyOf(material)).export({ format: 'jwk' });
  return {
    ...(material.crv === undefined ? {} : { crv: material.crv }),
    ...Object.fromEntries(PUBLIC_MEMBERS.flatMap((name) => (jwk[name] === undefined ? [] : [[name, jwk[name]]]))),
  };
}

function pkcs8(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }));
}

/** Real clients pad. */
function bytesOf(text: string | undefined, name: string): Uint8Array {
  try {
    const bytes = fromBase64Url((text ?? '').replace(/={1,2}$/, ''));
    if (bytes.length > 0) return bytes;
  } catch {
    // answered below: the text is secret, so its problem is not repeated
  }
  throw invalid(`JSON Web Key: ${name} is missing or not Base64url`);
}

function invalid(message: string): RequestError {
  return new RequestError('VAULT_KEY_PARAMETER_INVALID', message);
}
