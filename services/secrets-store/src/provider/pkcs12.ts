import { createDecipheriv, createHash, pbkdf2Sync } from 'node:crypto';

import { toHex } from '@holdfast/base';

import { readAll, readOne, smallInteger, tag } from './der.ts';
import type { DerElement } from './der.ts';

/** What a PKCS#12 file without a password holds. */
export interface Pkcs12Content {
  /** DER, PKCS#8. */
  readonly keys: readonly Uint8Array[];
  /** DER, in the order of the file. */
  readonly certificates: readonly Uint8Array[];
}

/** Content of object identifiers, hexadecimal. */
const oid = {
  data: '2a864886f70d010701',
  encryptedData: '2a864886f70d010706',
  keyBag: '2a864886f70d010c0a0101',
  shroudedKeyBag: '2a864886f70d010c0a0102',
  certBag: '2a864886f70d010c0a0103',
  x509Certificate: '2a864886f70d01091601',
  pbes2: '2a864886f70d01050d',
  pbkdf2: '2a864886f70d01050c',
  pbeSha1TripleDes: '2a864886f70d010c0103',
} as const;

/** HMACs of PBKDF2. */
const PRF: Readonly<Record<string, string>> = {
  '2a864886f70d0207': 'sha1',
  '2a864886f70d0209': 'sha256',
  '2a864886f70d020a': 'sha384',
  '2a864886f70d020b': 'sha512',
};
const CIPHERS: Readonly<Record<string, readonly [name: string, keyBytes: number]>> = {
  '2a864886f70d0307': ['des-ede3-cbc', 24],
  '608648016503040102': ['aes-128-cbc', 16],
  '60864801650304012a': ['aes-256-cbc', 32],
};
/** A file that asks for more work than any program that writes one. */
const MAX_ITERATIONS = 1_000_000;
/** An empty password with its terminator, and no password at all: files of both kinds are around. */
const NO_PASSWORDS = [new Uint8Array(2), new Uint8Array(0)] as const;

/**
 * Reads the private keys and certificates of a PKCS#12 file with an empty password, as vaults give out. The MAC is not
 * checked: with a password that everybody knows it proves nothing.
 * @throws Error with the reason
 * @see RFC 7292
 */
export function readPkcs12(der: Uint8Array): Pkcs12Content {
  const [pfx] = readAll(der);
  const [, authSafe] = readAll(readOne(pfx, tag.sequence));
  const { type, content } = contentInfo(authSafe);
  if (type !== oid.data) throw new Error('the file is signed instead of password-protected');
  const [safe] = readAll(readOne(readAll(content)[0], tag.octetString));
  const found = { keys: [] as Uint8Array[], certificates: [] as Uint8Array[] };
  for (const part of readAll(readOne(safe, tag.sequence))) readBags(safeContents(part), found);
  return found;
}

function contentInfo(element: DerElement | undefined): { readonly type: string; readonly content: Uint8Array } {
  const [type, content] = readAll(readOne(element, tag.sequence));
  return { type: toHex(readOne(type, tag.oid)), content: readOne(content, tag.context0) };
}

function safeContents(part: DerElement): Uint8Array {
  const { type, content } = contentInfo(part);
  const [body] = readAll(content);
  if (type === oid.data) return readOne(body, tag.octetString);
  if (type !== oid.encryptedData) throw new Error('a part is enveloped, which is not supported');
  const [, encrypted] = readAll(readOne(body, tag.sequence));
  const [, algorithm, bytes] = readAll(readOne(encrypted, tag.sequence));
  return decrypt(algorithm, readOne(bytes, tag.implicit0));
}

function readBags(contents: Uint8Array, found: { keys: Uint8Array[]; certificates: Uint8Array[] }): void {
  const [list] = readAll(contents);
  for (const bag of readAll(readOne(list, tag.sequence))) {
    const { type, content } = contentInfo(bag);
    const [value] = readAll(content);
    if (type === oid.keyBag && value !== undefined) found.keys.push(value.der);
    if (type === oid.shroudedKeyBag) {
      const [algorithm, bytes] = readAll(readOne(value, tag.sequence));
      found.keys.push(decrypt(algorithm, readOne(bytes, tag.octetString)));
    }
    if (type === oid.certBag) {
      const [kind, certificate] = readAll(readOne(value, tag.sequence));
      if (toHex(readOne(kind, tag.oid)) !== oid.x509Certificate) continue;
      found.certificates.push(readOne(readAll(readOne(certificate, tag.context0))[0], tag.octetString));
    }
  }
}

function decrypt(algorithm: DerElement | undefined, bytes: Uint8Array): Uint8Array {
  const [name, parameters] = readAll(readOne(algorithm, tag.sequence));
  const scheme = toHex(readOne(name, tag.oid));
  if (scheme === oid.pbes2) return decryptPbes2(readAll(readOne(parameters, tag.sequence)), bytes);
  if (scheme === oid.pbeSha1TripleDes) return decryptTripleDes(readAll(readOne(parameters, tag.sequence)), bytes);
  throw new Error(`encryption scheme ${scheme} is not supported`);
}

/** RFC 8018 section 6.2. */
function decryptPbes2([kdf, scheme]: readonly DerElement[], bytes: Uint8Array): Uint8Array {
  const [kdfName, kdfParameters] = readAll(readOne(kdf, tag.sequence));
  if (toHex(readOne(kdfName, tag.oid)) !== oid.pbkdf2) throw new Error('the key derivation is not PBKDF2');
  const [salt, rounds, ...rest] = readAll(readOne(kdfParameters, tag.sequence));
  const prfElement = rest.find((element) => element.tag === tag.sequence);
  const prf = prfElement === undefined ? 'sha1' : PRF[toHex(readOne(readAll(prfElement.content)[0], tag.oid))];
  const [cipherName, iv] = readAll(readOne(scheme, tag.sequence));
  const cipher = CIPHERS[toHex(readOne(cipherName, tag.oid))];
  if (prf === undefined || cipher === undefined) throw new Error('the cipher or its key derivation is not supported');
  const key = pbkdf2Sync('', readOne(salt, tag.octetString), iterations(rounds), cipher[1], prf);
  const decipher = createDecipheriv(cipher[0], key, readOne(iv, tag.octetString));
  return Buffer.concat([decipher.update(bytes), decipher.final()]);
}

/** RFC 7292 appendix C: pbeWithSHAAnd3-KeyTripleDES-CBC. */
function decryptTripleDes([salt, rounds]: readonly DerElement[], bytes: Uint8Array): Uint8Array {
  let failure: unknown;
  for (const password of NO_PASSWORDS) {
    const derive = (id: number, length: number): Uint8Array =>
      deriveKey(password, readOne(salt, tag.octetString), { id, rounds: iterations(rounds), length });
    try {
      const decipher = createDecipheriv('des-ede3-cbc', derive(1, 24), derive(2, 8));
      return Buffer.concat([decipher.update(bytes), decipher.final()]);
    } catch (error) {
      failure = error; // the other spelling of no password may fit
    }
  }
  throw failure;
}

function iterations(element: DerElement | undefined): number {
  const count = smallInteger(element);
  if (count < 1 || count > MAX_ITERATIONS) throw new Error('the number of iterations is out of bounds');
  return count;
}

/** The key derivation of RFC 7292 appendix B.2 with SHA-1. */
function deriveKey(
  password: Uint8Array,
  salt: Uint8Array,
  { id, rounds, length }: { readonly id: number; readonly rounds: number; readonly length: number },
): Uint8Array {
  const block = 64;
  const filled = (bytes: Uint8Array): Uint8Array => {
    const size = block * Math.ceil(bytes.length / block);
    return Uint8Array.from({ length: size }, (_, at) => bytes[at % bytes.length] ?? 0);
  };
  const input = Buffer.concat([filled(salt), filled(password)]);
  const parts: Uint8Array[] = [];
  for (let size = 0; size < length; size += 20) {
    let hash = createHash('sha1').update(new Uint8Array(block).fill(id)).update(input).digest();
    for (let round = 1; round < rounds; round++) hash = createHash('sha1').update(hash).digest();
    parts.push(hash);
    for (let at = 0; at < input.length; at += block) addOne(input.subarray(at, at + block), hash);
  }
  return new Uint8Array(Buffer.concat(parts).subarray(0, length));
}

/** `block = (block + hash repeated + 1) mod 2^512`, in place. */
function addOne(block: Buffer, hash: Uint8Array): void {
  let carry = 1;
  for (let at = block.length - 1; at >= 0; at--) {
    const sum = (block[at] ?? 0) + (hash[at % hash.length] ?? 0) + carry;
    block[at] = sum & 0xff;
    carry = sum >> 8;
  }
}
