import { createDecipheriv, createHash, pbkdf2Sync } from 'node:crypto';

import { errorMessage, MalformedError, toHex } from '@holdfast/base';

import { contextTag, DerReader, tag } from '../der/reader.ts';
import type { DerElement } from '../der/reader.ts';

/** What a PKCS#12 file holds. */
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
/** More work than any program asks for that writes such files: for one part, and for all parts of a file together. */
const MAX_ITERATIONS = 1_000_000;
const MAX_ITERATIONS_OF_FILE = 2_000_000;
const CODE = 'X509_PKCS12_UNREADABLE';
const CONTEXT_0 = contextTag(0);

/** The password, and the work that may still be spent on it. */
interface Unlocking {
  readonly password: string;
  iterationsLeft: number;
}

/**
 * Reads the private keys and certificates of a PKCS#12 file. The MAC is not checked: whoever could write the file knows the
 * password, and what is wrong with its content shows when it is used.
 * @param password Empty for the files that vaults give out.
 * @throws MalformedError X509_PKCS12_UNREADABLE with the reason, such as a wrong password
 * @see RFC 7292
 */
export function readPkcs12(der: Uint8Array, password = ''): Pkcs12Content {
  try {
    const [pfx] = readAll(der);
    const [, authSafe] = readAll(readOne(pfx, tag.sequence));
    const { type, content } = contentInfo(authSafe);
    if (type !== oid.data) throw unreadable('the file is signed instead of password-protected');
    const [safe] = readAll(readOne(readAll(content)[0], tag.octetString));
    const found = { keys: [] as Uint8Array[], certificates: [] as Uint8Array[] };
    const unlocking: Unlocking = { password, iterationsLeft: MAX_ITERATIONS_OF_FILE };
    for (const part of readAll(readOne(safe, tag.sequence))) readBags(safeContents(part, unlocking), unlocking, found);
    return found;
  } catch (error) {
    if (error instanceof MalformedError) throw error;
    // What a cipher says of a wrong password.
    throw unreadable(errorMessage(error), error);
  }
}

function unreadable(reason: string, cause?: unknown): MalformedError {
  return new MalformedError(CODE, reason, cause === undefined ? {} : { cause });
}

/** The elements of a content, one after the other. */
function readAll(bytes: Uint8Array): readonly DerElement[] {
  const reader = new DerReader(bytes, CODE);
  const elements: DerElement[] = [];
  while (reader.peek !== undefined) elements.push(reader.next());
  return elements;
}

/** The content of an element that must have this tag. */
function readOne(element: DerElement | undefined, expected: number): Uint8Array {
  if (element?.tag !== expected) throw unreadable('an element is missing or of another type');
  return element.content;
}

function smallInteger(element: DerElement | undefined): number {
  const content = readOne(element, tag.integer);
  if (content.length === 0 || content.length > 4) throw unreadable('a number is too large');
  return content.reduce((value, byte) => value * 256 + byte, 0);
}

function contentInfo(element: DerElement | undefined): { readonly type: string; readonly content: Uint8Array } {
  const [type, content] = readAll(readOne(element, tag.sequence));
  return { type: toHex(readOne(type, tag.oid)), content: readOne(content, CONTEXT_0) };
}

function safeContents(part: DerElement, unlocking: Unlocking): Uint8Array {
  const { type, content } = contentInfo(part);
  const [body] = readAll(content);
  if (type === oid.data) return readOne(body, tag.octetString);
  if (type !== oid.encryptedData) throw unreadable('a part is enveloped, which is not supported');
  const [, encrypted] = readAll(readOne(body, tag.sequence));
  const [, algorithm, bytes] = readAll(readOne(encrypted, tag.sequence));
  return decrypt(algorithm, readOne(bytes, contextTag(0, false)), unlocking);
}

function readBags(
  contents: Uint8Array,
  unlocking: Unlocking,
  found: { keys: Uint8Array[]; certificates: Uint8Array[] },
): void {
  const [list] = readAll(contents);
  for (const bag of readAll(readOne(list, tag.sequence))) {
    const { type, content } = contentInfo(bag);
    const [value] = readAll(content);
    if (type === oid.keyBag && value !== undefined) found.keys.push(value.der);
    if (type === oid.shroudedKeyBag) {
      const [algorithm, bytes] = readAll(readOne(value, tag.sequence));
      found.keys.push(decrypt(algorithm, readOne(bytes, tag.octetString), unlocking));
    }
    if (type === oid.certBag) {
      const [kind, certificate] = readAll(readOne(value, tag.sequence));
      if (toHex(readOne(kind, tag.oid)) !== oid.x509Certificate) continue;
      found.certificates.push(readOne(readAll(readOne(certificate, CONTEXT_0))[0], tag.octetString));
    }
  }
}

function decrypt(algorithm: DerElement | undefined, bytes: Uint8Array, unlocking: Unlocking): Uint8Array {
  const [name, parameters] = readAll(readOne(algorithm, tag.sequence));
  const scheme = toHex(readOne(name, tag.oid));
  if (scheme === oid.pbes2) return decryptPbes2(readAll(readOne(parameters, tag.sequence)), bytes, unlocking);
  if (scheme === oid.pbeSha1TripleDes) {
    return decryptTripleDes(readAll(readOne(parameters, tag.sequence)), bytes, unlocking);
  }
  throw unreadable(`encryption scheme ${scheme} is not supported`);
}

/** RFC 8018 section 6.2. */
function decryptPbes2([kdf, scheme]: readonly DerElement[], bytes: Uint8Array, unlocking: Unlocking): Uint8Array {
  const [kdfName, kdfParameters] = readAll(readOne(kdf, tag.sequence));
  if (toHex(readOne(kdfName, tag.oid)) !== oid.pbkdf2) throw unreadable('the key derivation is not PBKDF2');
  const [salt, rounds, ...rest] = readAll(readOne(kdfParameters, tag.sequence));
  const prfElement = rest.find((element) => element.tag === tag.sequence);
  const prf = prfElement === undefined ? 'sha1' : PRF[toHex(readOne(readAll(prfElement.content)[0], tag.oid))];
  const [cipherName, iv] = readAll(readOne(scheme, tag.sequence));
  const cipher = CIPHERS[toHex(readOne(cipherName, tag.oid))];
  if (prf === undefined || cipher === undefined) throw unreadable('the cipher or its key derivation is not supported');
  const count = iterations(rounds, unlocking);
  const key = pbkdf2Sync(unlocking.password, readOne(salt, tag.octetString), count, cipher[1], prf);
  const decipher = createDecipheriv(cipher[0], key, readOne(iv, tag.octetString));
  return Buffer.concat([decipher.update(bytes), decipher.final()]);
}

/** As UTF-16 with a terminator. An empty password has two spellings: files of both kinds are around. */
function spellingsOf(password: string): readonly Uint8Array[] {
  const units = Buffer.from(password, 'utf16le').swap16();
  const spelled = Uint8Array.from([...units, 0, 0]);
  return password === '' ? [spelled, new Uint8Array(0)] : [spelled];
}

/** RFC 7292 appendix C: pbeWithSHAAnd3-KeyTripleDES-CBC. */
function decryptTripleDes([salt, rounds]: readonly DerElement[], bytes: Uint8Array, unlocking: Unlocking): Uint8Array {
  const count = iterations(rounds, unlocking);
  let failure: unknown;
  for (const spelling of spellingsOf(unlocking.password)) {
    const derive = (id: number, length: number): Uint8Array =>
      deriveKey(spelling, readOne(salt, tag.octetString), { id, rounds: count, length });
    try {
      const decipher = createDecipheriv('des-ede3-cbc', derive(1, 24), derive(2, 8));
      return Buffer.concat([decipher.update(bytes), decipher.final()]);
    } catch (error) {
      failure = error; // the other spelling of an empty password may fit
    }
  }
  throw failure;
}

function iterations(element: DerElement | undefined, unlocking: Unlocking): number {
  const count = smallInteger(element);
  unlocking.iterationsLeft -= count;
  if (count < 1 || count > MAX_ITERATIONS || unlocking.iterationsLeft < 0) {
    throw unreadable('the number of iterations is out of bounds');
  }
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
