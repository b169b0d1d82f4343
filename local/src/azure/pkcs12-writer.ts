import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { concatBytes } from '@holdfast/base';

/** Object identifiers, encoded. */
const oid = {
  data: '06092a864886f70d010701',
  keyBag: '060b2a864886f70d010c0a0102',
  certificateBag: '060b2a864886f70d010c0a0103',
  x509Certificate: '060a2a864886f70d01091601',
  sha256: '0609608648016503040201',
} as const;

const SEQUENCE = 0x30;
const OCTETS = 0x04;
const CONTEXT_0 = 0xa0;
const ITERATIONS = 2048;

/**
 * A key with its certificates, the leaf first, as PKCS#12 with an empty password: the key encrypted, the certificates plain, all
 * under a MAC.
 * @see RFC 7292
 */
export function writePkcs12(privateKey: KeyObject, certificates: readonly Uint8Array[]): Uint8Array {
  const encrypted = privateKey.export({ format: 'der', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: '' });
  const keyBag = der(SEQUENCE, hex(oid.keyBag), der(CONTEXT_0, encrypted));
  const bags = certificates.map((certificate) =>
    der(
      SEQUENCE,
      hex(oid.certificateBag),
      der(CONTEXT_0, der(SEQUENCE, hex(oid.x509Certificate), der(CONTEXT_0, der(OCTETS, certificate)))),
    ),
  );
  const safe = der(SEQUENCE, data(der(SEQUENCE, keyBag)), data(der(SEQUENCE, ...bags)));
  const salt = randomBytes(8);
  const mac = createHmac('sha256', macKey(salt)).update(safe).digest();
  const digestInfo = der(SEQUENCE, der(SEQUENCE, hex(oid.sha256), hex('0500')), der(OCTETS, mac));
  const macData = der(SEQUENCE, digestInfo, der(OCTETS, salt), hex(`0202${ITERATIONS.toString(16).padStart(4, '0')}`));
  return der(SEQUENCE, hex('020103'), data(safe), macData);
}

/** A ContentInfo of plain data. */
function data(content: Uint8Array): Uint8Array {
  return der(SEQUENCE, hex(oid.data), der(CONTEXT_0, der(OCTETS, content)));
}

/** Appendix B.2 for SHA-256 and the empty password, which is encoded as its terminator alone; one block is enough. */
function macKey(salt: Uint8Array): Uint8Array {
  const fill = (bytes: Uint8Array): Uint8Array =>
    Uint8Array.from({ length: 64 }, (_, at) => bytes[at % bytes.length] ?? 0);
  const diversifier = new Uint8Array(64).fill(3);
  let hash = createHash('sha256')
    .update(diversifier)
    .update(fill(salt))
    .update(fill(new Uint8Array(2)))
    .digest();
  for (let round = 1; round < ITERATIONS; round++) hash = createHash('sha256').update(hash).digest();
  return hash;
}

function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...contents);
  const { length } = content;
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  if (length > 0xffff) throw new RangeError('a PKCS#12 file of a vault is never this large');
  return concatBytes(Uint8Array.from(head), content);
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
