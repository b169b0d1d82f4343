import { constants, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { MalformedError, PlatformError } from '@holdfast/base';

import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { CborTagged, isCborMap } from '../cbor/value.ts';
import type { CborMap } from '../cbor/value.ts';

/** Signature algorithms for COSE (RFC 9053 sections 2.1 and RFC 8230 section 2). */
export type CoseAlgorithm = 'ES384' | 'PS256' | 'PS384' | 'PS512';

/** Header labels of COSE_Sign1 (RFC 9052, RFC 9360, RFC 9597). */
export const coseHeader = {
  algorithm: 1,
  critical: 2,
  contentType: 3,
  keyId: 4,
  cwtClaims: 15,
  x5chain: 33,
  x5t: 34,
  payloadHashAlgorithm: 258,
  preimageContentType: 259,
  receipts: 394,
  verifiableDataStructure: 395,
  verifiableDataProofs: 396,
} as const;

const COSE_SIGN1 = 18;
const ALGORITHMS = new Map<number, CoseAlgorithm>([
  [-35, 'ES384'],
  [-37, 'PS256'],
  [-38, 'PS384'],
  [-39, 'PS512'],
]);
/** The hash of each algorithm and, for RSASSA-PSS, its salt in bytes. */
const PARAMETERS: Readonly<Record<CoseAlgorithm, { readonly hash: string; readonly saltLength: number }>> = {
  ES384: { hash: 'sha384', saltLength: 0 },
  PS256: { hash: 'sha256', saltLength: 32 },
  PS384: { hash: 'sha384', saltLength: 48 },
  PS512: { hash: 'sha512', saltLength: 64 },
};

/** A COSE_Sign1 envelope without regard to where its payload is. The protected header is kept as received, because the signature covers those bytes. */
export interface CoseSign1Envelope {
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  readonly signature: Uint8Array;
}

/** A COSE_Sign1 envelope with an attached payload. */
export interface CoseSign1 extends CoseSign1Envelope {
  readonly payload: Uint8Array;
}

/**
 * Decodes a COSE_Sign1 envelope, tagged or not, with an attached payload. A label in both headers, or a list of
 * critical labels, is refused.
 * @throws MalformedError with `code`
 */
export function decodeCoseSign1(bytes: Uint8Array, code: string): CoseSign1 {
  return asCode(code, () => {
    const { payload, ...envelope } = readEnvelope(bytes, code);
    if (payload === null) throw new MalformedError(code, 'the payload is detached');
    return { ...envelope, payload };
  });
}

/** The same for an envelope whose payload is detached (nil) and comes from elsewhere. */
export function decodeDetachedCoseSign1(bytes: Uint8Array, code: string): CoseSign1Envelope {
  return asCode(code, () => {
    const { payload, ...envelope } = readEnvelope(bytes, code);
    if (payload !== null) throw new MalformedError(code, 'the payload is not detached');
    return envelope;
  });
}

function asCode<T>(code: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code === code) throw error;
    throw new MalformedError(code, error.message, { cause: error });
  }
}

/** The algorithm the protected header names; undefined for none or one we do not know. */
export function coseAlgorithm(envelope: CoseSign1Envelope): CoseAlgorithm | undefined {
  const label = envelope.protectedHeader.get(coseHeader.algorithm);
  return typeof label === 'number' ? ALGORITHMS.get(label) : undefined;
}

/** Whether the signature holds under `publicKey` by `algorithm`. A detached payload is put into the envelope first. */
export function verifyCoseSign1(envelope: CoseSign1, algorithm: CoseAlgorithm, publicKey: KeyObject): boolean {
  const input = signatureInput(envelope.protectedBytes, envelope.payload);
  try {
    return verify(PARAMETERS[algorithm].hash, input, keyInput(algorithm, publicKey), envelope.signature);
  } catch {
    // A key that does not fit the algorithm, or a signature OpenSSL cannot decode, does not verify.
    return false;
  }
}

/**
 * Signs a payload and encodes the tagged envelope. `protectedHeader` gets the algorithm label itself.
 * @param options.detached Leaves the payload out of the envelope.
 */
export function signCoseSign1(options: {
  readonly algorithm: CoseAlgorithm;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader?: CborMap;
  readonly payload: Uint8Array;
  readonly detached?: boolean;
  readonly signingKey: KeyObject;
}): Uint8Array {
  const label = [...ALGORITHMS].find(([, name]) => name === options.algorithm)?.[0] ?? 0;
  const protectedBytes = encodeCbor(new Map([[coseHeader.algorithm, label], ...options.protectedHeader]));
  const input = signatureInput(protectedBytes, options.payload);
  const signature = sign(PARAMETERS[options.algorithm].hash, input, keyInput(options.algorithm, options.signingKey));
  const payload = options.detached === true ? null : options.payload;
  const unprotectedHeader = options.unprotectedHeader ?? new Map();
  return encodeCbor(
    new CborTagged(COSE_SIGN1, [protectedBytes, unprotectedHeader, payload, new Uint8Array(signature)]),
  );
}

function readEnvelope(bytes: Uint8Array, code: string): CoseSign1Envelope & { readonly payload: Uint8Array | null } {
  const item = decodeCbor(bytes);
  const array = item instanceof CborTagged && item.tag === COSE_SIGN1 ? item.value : item;
  if (!Array.isArray(array) || array.length !== 4) throw new MalformedError(code, 'not a COSE_Sign1 array of four');
  const [protectedBytes, unprotectedHeader, payload, signature] = array;
  const binary = [protectedBytes, payload ?? new Uint8Array(), signature].every((part) => part instanceof Uint8Array);
  if (!binary || !isCborMap(unprotectedHeader))
    throw new MalformedError(code, 'a part of the COSE_Sign1 array has the wrong type');
  const protectedHeader = decodeCbor(protectedBytes);
  if (!isCborMap(protectedHeader)) throw new MalformedError(code, 'the protected header is not a map');
  for (const label of protectedHeader.keys()) {
    if (unprotectedHeader.has(label)) throw new MalformedError(code, `label ${label} stands in both headers`);
  }
  if (protectedHeader.has(coseHeader.critical) || unprotectedHeader.has(coseHeader.critical)) {
    throw new MalformedError(code, 'critical headers, of which none is understood');
  }
  return { protectedBytes, protectedHeader, unprotectedHeader, payload, signature };
}

/** Sig_structure of RFC 9052 section 4.4, with the protected bytes as received. */
function signatureInput(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', protectedBytes, new Uint8Array(), payload]);
}

function keyInput(algorithm: CoseAlgorithm, key: KeyObject) {
  return algorithm === 'ES384'
    ? { key, dsaEncoding: 'ieee-p1363' as const }
    : { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: PARAMETERS[algorithm].saltLength };
}
