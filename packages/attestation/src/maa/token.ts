import { createHash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { toBase64, toBase64Url, toUtf8, UnsupportedError } from '@holdfast/base';

import { formatJson } from '../json/json.ts';
import type { JsonObject } from '../json/json.ts';
import type { Certificate } from '../x509/certificate.ts';
import { createCertificate } from '../x509/create-certificate.ts';
import { ordinal } from './claims.ts';

/** Signs tokens: an RSA key of at least 2048 bits, its id, and where its key set is. */
export interface TokenSigner {
  readonly signingKey: KeyObject;
  readonly kid: string;
  /** `https://{instance}/certs`. */
  readonly jku: string;
}

/**
 * A token in the form of Microsoft Azure Attestation: JWS compact (RFC 7515), RS256, header members alg, jku, kid, typ in
 * that order, payload members in ordinal order of their names.
 */
export function issueAttestationToken(claims: JsonObject, signer: TokenSigner): string {
  const header = formatJson({ alg: 'RS256', jku: signer.jku, kid: signer.kid, typ: 'JWT' });
  const payload = formatJson(ordinal(claims));
  const input = `${toBase64Url(toUtf8(header))}.${toBase64Url(toUtf8(payload))}`;
  return `${input}.${toBase64Url(sign('sha256', toUtf8(input), signer.signingKey))}`;
}

/** A self-signed certificate for the token signing key, subject `CN={issuer}`, and its key id. */
export function createTokenSigner(options: {
  readonly issuer: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Unsigned big-endian. */
  readonly serial: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
}): { readonly certificate: Certificate; readonly kid: string } {
  const name = [{ type: 'CN', value: options.issuer }];
  const certificate = createCertificate({
    subject: name,
    issuer: name,
    publicKey: options.publicKey,
    signingKey: options.privateKey,
    serial: options.serial,
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    signatureAlgorithm: 'rsa-sha256',
  });
  return { certificate, kid: keyIdOf(certificate) };
}

export interface AttestationJwk {
  readonly alg: 'RS256';
  readonly e: string;
  readonly kid: string;
  readonly kty: 'RSA';
  readonly n: string;
  readonly use: 'sig';
  /** Standard Base64 of DER. */
  readonly x5c: readonly string[];
}

/**
 * The body of GET /certs for one signing certificate; kid = base64(SHA-256(DER)).
 * @throws UnsupportedError SIGNING_CERTIFICATE_UNSUPPORTED for a key that is not RSA
 */
export function jwksFor(certificate: Certificate): { readonly keys: readonly AttestationJwk[] } {
  const { n, e } = certificate.publicKey.export({ format: 'jwk' });
  if (n === undefined || e === undefined)
    throw new UnsupportedError('SIGNING_CERTIFICATE_UNSUPPORTED', 'a signing certificate without an RSA key');
  const kid = keyIdOf(certificate);
  return { keys: [{ alg: 'RS256', e, kid, kty: 'RSA', n, use: 'sig', x5c: [toBase64(certificate.der)] }] };
}

function keyIdOf(certificate: Certificate): string {
  return toBase64(createHash('sha256').update(certificate.der).digest());
}
