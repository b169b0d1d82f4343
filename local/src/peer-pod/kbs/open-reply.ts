import { constants, createDecipheriv, createHash, createPublicKey, diffieHellman, privateDecrypt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { formatJson, isJsonObject, member, parseJsonObject } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { concatBytes, fromBase64Url, MalformedError, toBase64Url, toUtf8 } from '@holdfast/base';

const CODE = 'PEER_POD_REPLY_UNREADABLE';
const KEY_WRAP_IV = Buffer.alloc(8, 0xa6);
const CONTENT_KEY_BYTES = 32;

/**
 * Opens a resource that a key broker encrypted to the guest's key: flattened JWE (RFC 7516), A256GCM under
 * RSA-OAEP-256 or ECDH-ES+A256KW. Guests authenticate the protected header in the form they write it themselves, see
 * `protectedText`.
 * @throws MalformedError PEER_POD_REPLY_UNREADABLE, which does not say what failed
 */
export function openReply(body: Uint8Array | string, privateKey: KeyObject): Uint8Array {
  const reply = parseJsonObject(body, CODE);
  try {
    const header = parseJsonObject(part(reply, 'protected'), CODE);
    if (member(header, 'enc') !== 'A256GCM') throw new RangeError('another content encryption');
    const contentKey = unwrap(header, part(reply, 'encrypted_key'), privateKey);
    const decipher = createDecipheriv('aes-256-gcm', contentKey, part(reply, 'iv'), { authTagLength: 16 });
    decipher.setAAD(toUtf8(protectedText(header))).setAuthTag(part(reply, 'tag'));
    const plaintext = concatBytes(decipher.update(part(reply, 'ciphertext')), decipher.final());
    contentKey.fill(0);
    return plaintext;
  } catch (cause) {
    throw new MalformedError(CODE, 'the reply of the key broker cannot be opened with the key of the guest', { cause });
  }
}

/**
 * A protected header as guest components authenticate it: `alg`, `enc`, then the other members by name, Base64url.
 * What arrived is parsed and written anew, so a header in another order never verifies.
 */
export function protectedText(header: JsonObject): string {
  const { alg = null, enc = null, ...others } = header;
  return toBase64Url(toUtf8(formatJson({ alg, enc, ...(sorted(others) as JsonObject) })));
}

function sorted(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name] ?? null)]));
}

function unwrap(header: JsonObject, wrapped: Uint8Array, privateKey: KeyObject): Buffer {
  const alg = member(header, 'alg');
  const isRsa = privateKey.asymmetricKeyType === 'rsa';
  // The key decides which algorithm there is; a header that names the other one is not followed.
  if (alg !== (isRsa ? 'RSA-OAEP-256' : 'ECDH-ES+A256KW')) throw new RangeError('another key algorithm');
  const contentKey = isRsa
    ? privateDecrypt({ key: privateKey, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING }, wrapped)
    : unwrapEcdh(member(header, 'epk'), wrapped, privateKey);
  if (contentKey.length !== CONTENT_KEY_BYTES) throw new RangeError('a content key of another length');
  return contentKey;
}

/** RFC 7518 section 4.6 with empty party information, then RFC 3394. */
function unwrapEcdh(epk: JsonValue | undefined, wrapped: Uint8Array, privateKey: KeyObject): Buffer {
  if (!isJsonObject(epk)) throw new RangeError('no ephemeral key');
  const { kty, crv, x, y } = epk;
  const publicKey = createPublicKey({ key: { kty, crv, x, y } as Record<string, string>, format: 'jwk' });
  const secret = diffieHellman({ privateKey, publicKey });
  const algorithm = 'ECDH-ES+A256KW';
  const hash = createHash('sha256').update(uint32(1)).update(secret);
  hash.update(uint32(algorithm.length)).update(algorithm);
  const key = hash.update(uint32(0)).update(uint32(0)).update(uint32(256)).digest();
  return unwrapKey(key, wrapped);
}

/** AES key unwrap (RFC 3394) with a key of 32 bytes; throws when the wrapped key was not wrapped with it. */
export function unwrapKey(key: Uint8Array, wrapped: Uint8Array): Buffer {
  const decipher = createDecipheriv('id-aes256-wrap', key, KEY_WRAP_IV);
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function part(reply: JsonObject, name: string): Uint8Array {
  const text = member(reply, name);
  if (typeof text !== 'string') throw new RangeError(`no ${name}`);
  return fromBase64Url(text);
}
