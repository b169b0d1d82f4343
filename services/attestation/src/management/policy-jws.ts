import { createHash, verify } from 'node:crypto';

import { member, parseAttestationPolicy, parseCertificate, parseJsonObject } from '@holdfast/attestation';
import type { Certificate, JsonObject } from '@holdfast/attestation';
import { errorMessage, fromBase64, fromBase64Url, fromUtf8, RequestError, toBase64Url, toUtf8 } from '@holdfast/base';

const MAX_LENGTH = 256 * 1024;
/** JWS algorithms for statements of policy signers (RFC 7518): hash and key type. */
const ALGORITHMS: Readonly<Record<string, readonly [hash: string, keyType: string]>> = {
  RS256: ['sha256', 'rsa'],
  RS384: ['sha384', 'rsa'],
  RS512: ['sha512', 'rsa'],
};
const MINIMUM_RSA_BITS = 2048;

/** A statement of whoever manages the instance: its payload, and the signer when it is signed. */
export interface ManagementStatement {
  readonly payload: JsonObject;
  readonly signer: Certificate | undefined;
}

/**
 * Reads the body of a management request, a JWS in compact form (RFC 7515). Where the instance has policy signers it must be
 * signed, and the first certificate of `x5c` must be one of them; an unsecured one (`alg` none) counts only without signers.
 * @throws RequestError MANAGEMENT_STATEMENT_REFUSED
 */
export function readStatement(body: Uint8Array, signers: readonly Certificate[]): ManagementStatement {
  const text = read('the body', () => fromUtf8(body)).trim();
  const parts = text.length > MAX_LENGTH ? [] : text.split('.');
  const [headerPart = '', payloadPart = '', signaturePart = ''] = parts;
  if (parts.length !== 3) throw refused('the body is not a JWS in compact form');
  const header = read('the header', () => parseJsonObject(fromBase64Url(headerPart), CODE));
  const payload = read('the payload', () => parseJsonObject(fromBase64Url(payloadPart), CODE));
  const algorithm = member(header, 'alg');
  if (member(header, 'crit') !== undefined) throw refused('critical header members are not understood');
  if (algorithm === 'none') {
    if (signers.length > 0) throw refused('this instance has policy signers, and the statement is not signed');
    if (signaturePart !== '') throw refused('an unsecured statement has a signature');
    return { payload, signer: undefined };
  }
  const signer = readSigner(header, signers);
  const [hash, keyType] = (typeof algorithm === 'string' ? ALGORITHMS[algorithm] : undefined) ?? [];
  if (hash === undefined || signer.publicKey.asymmetricKeyType !== keyType) {
    throw refused('the algorithm of the statement is not RS256, RS384 or RS512, or not that of its key');
  }
  const signature = read('the signature', () => fromBase64Url(signaturePart));
  if (!verify(hash, toUtf8(`${headerPart}.${payloadPart}`), signer.publicKey, signature)) {
    throw refused('the signature of the statement does not hold');
  }
  return { payload, signer };
}

/**
 * The text of the attestation policy in a statement; it is parsed to see that it can be evaluated.
 * @throws RequestError MANAGEMENT_STATEMENT_REFUSED, MAA_POLICY_INVALID
 */
export function policyTextOf({ payload }: ManagementStatement): string {
  const encoded = member(payload, 'AttestationPolicy');
  if (typeof encoded !== 'string') throw refused('"AttestationPolicy" is missing');
  const text = read('"AttestationPolicy"', () => fromUtf8(fromBase64Url(encoded)));
  parseAttestationPolicy(text);
  return text;
}

/** An unsecured JWS around a policy: what an instance shows as its policy when nobody sent one. */
export function unsecuredPolicy(text: string): string {
  const payload = JSON.stringify({ AttestationPolicy: toBase64Url(toUtf8(text)) });
  return `${toBase64Url(toUtf8('{"alg":"none"}'))}.${toBase64Url(toUtf8(payload))}.`;
}

/** The certificate in a statement that adds or removes a policy signer. */
export function signerCertificateOf({ payload }: ManagementStatement): Certificate {
  const jwk = member(payload, 'policyCertificate');
  const certificate = read('"policyCertificate"', () => {
    const chain = jwk !== undefined && typeof jwk === 'object' && jwk !== null && 'x5c' in jwk ? jwk['x5c'] : undefined;
    const first: unknown = Array.isArray(chain) ? chain[0] : undefined;
    return parseCertificate(fromBase64(typeof first === 'string' ? first : ''));
  });
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  if (type !== 'rsa' || (details?.modulusLength ?? 0) < MINIMUM_RSA_BITS) {
    throw refused(`a policy signer needs an RSA key of ${MINIMUM_RSA_BITS} bits or more`);
  }
  return certificate;
}

/** Upper-case hex SHA-1 of a certificate, as Azure names certificates. */
export function thumbprintOf(certificate: Certificate): string {
  return createHash('sha1').update(certificate.der).digest('hex').toUpperCase();
}

function readSigner(header: JsonObject, signers: readonly Certificate[]): Certificate {
  const chain = member(header, 'x5c');
  const [first] = Array.isArray(chain) ? (chain as readonly unknown[]) : [];
  if (typeof first !== 'string') throw refused('the statement names no certificate in "x5c"');
  const certificate = read('"x5c"', () => parseCertificate(fromBase64(first)));
  const known = signers.find((signer) => Buffer.compare(signer.der, certificate.der) === 0);
  // Without signers anybody with the role may set a policy, and a signature only names who did.
  if (known === undefined && signers.length > 0) throw refused('the signer is not a policy signer of this instance');
  return known ?? certificate;
}

const CODE = 'MANAGEMENT_STATEMENT_REFUSED';

function read<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new RequestError('MANAGEMENT_STATEMENT_REFUSED', `${what}: ${errorMessage(cause)}`, { cause });
  }
}

function refused(message: string): RequestError {
  return new RequestError('MANAGEMENT_STATEMENT_REFUSED', message);
}
