import { createHash, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { isJsonObject, member, parseCertificate, parseJsonObject } from '@holdfast/attestation';
import type { Certificate, JsonObject, JsonValue } from '@holdfast/attestation';
import {
  errorMessage,
  fromBase64,
  fromBase64Url,
  fromUtf8,
  MalformedError,
  toBase64,
  toBase64Url,
  toUtf8,
  VerificationError,
} from '@holdfast/base';

import type { PublicJwk } from './released-jwk.ts';
import { verifyServerChain } from './server-chain.ts';
import { isKeyWrapAlgorithm } from './wrap-algorithm.ts';
import type { KeyWrapAlgorithm } from './wrap-algorithm.ts';

const MALFORMED = 'RELEASE_RESPONSE_MALFORMED';
const MAX_LENGTH = 1024 * 1024;
const MAX_CERTIFICATES = 5;
const MINIMUM_RSA_BITS = 2048;

/** What a vault says when it releases a key. */
export interface ReleaseResponse {
  /** As asked for: the URL of the key as addressed in the request, with a version when the request had one. */
  readonly request: { readonly kid: string; readonly nonce: string | undefined; readonly algorithm: KeyWrapAlgorithm };
  /** The public key bundle: its kid is the full URL with the version. */
  readonly key: PublicJwk;
  readonly attributes: JsonObject;
  readonly tags?: JsonObject | undefined;
  readonly releasePolicy: JsonObject;
  /** The key id of the encryption key, and the key encrypted to it. */
  readonly encryptionKeyId: string;
  readonly ciphertext: Uint8Array;
}

/**
 * A release response: JWS in compact form (RFC 7515), RS256, signed with the key of the vault's web server certificate.
 * `chain` starts with that certificate.
 */
export function formatReleaseResponse(
  response: ReleaseResponse,
  signer: { readonly signingKey: KeyObject; readonly chain: readonly Certificate[]; readonly apiVersion: string },
): string {
  const leaf = signer.chain[0];
  if (leaf === undefined) throw new MalformedError(MALFORMED, 'a release response needs the certificate of its signer');
  const header = {
    alg: 'RS256',
    kid: createHash('sha1').update(leaf.der).digest('hex').toUpperCase(),
    x5t: createHash('sha1').update(leaf.der).digest('base64url'),
    'x5t#S256': createHash('sha256').update(leaf.der).digest('base64url'),
    typ: 'JWT',
    x5c: signer.chain.map(({ der }) => toBase64(der)),
  };
  const { request, key } = response;
  const keyHsm = {
    schema_version: '1.0',
    header: { kid: response.encryptionKeyId, alg: 'dir', enc: request.algorithm },
    ciphertext: toBase64Url(response.ciphertext),
  };
  const payload = {
    request: {
      'api-version': signer.apiVersion,
      enc: request.algorithm,
      kid: request.kid,
      ...(request.nonce === undefined ? {} : { nonce: request.nonce }),
    },
    response: {
      key: {
        key: { ...key, key_hsm: encodeJson(keyHsm) },
        attributes: response.attributes,
        ...(response.tags === undefined ? {} : { tags: response.tags }),
        release_policy: response.releasePolicy,
      },
    },
  };
  const input = `${encodeJson(header)}.${encodeJson(payload)}`;
  return `${input}.${toBase64Url(sign('sha256', toUtf8(input), signer.signingKey))}`;
}

export interface VerifyReleaseResponseOptions {
  /** Host of the vault as requested, with the port when it is not 443. */
  readonly vaultHost: string;
  readonly keyName: string;
  readonly keyVersion?: string | undefined;
  /** The nonce that was sent, if one was. */
  readonly nonce?: string | undefined;
  /** The algorithm that was asked for. */
  readonly algorithm: KeyWrapAlgorithm;
  /** The key id that the attestation token gave to the ephemeral key. */
  readonly encryptionKeyId: string;
  /** Roots of web servers. The root that the response carries is not trusted by itself. */
  readonly trustedRoots: readonly Certificate[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Verifies a release response: form and algorithm, certificate, signature, chain to a trusted root for the vault's host,
 * and that it answers this request.
 * @throws MalformedError RELEASE_RESPONSE_MALFORMED
 * @throws VerificationError RELEASE_RESPONSE_ALGORITHM, _CERTIFICATE, _SIGNATURE, _CHAIN, _MISMATCH
 */
export function verifyReleaseResponse(jws: string, options: VerifyReleaseResponseOptions): ReleaseResponse {
  const parts = jws.length > MAX_LENGTH ? [] : jws.split('.');
  const [headerPart = '', payloadPart = '', signaturePart = ''] = parts;
  if (parts.length !== 3) throw malformed('not three parts');
  const header = decodeObject(headerPart, 'header');
  const payload = decodeObject(payloadPart, 'payload');
  // The algorithm is fixed before any key is looked at.
  if (member(header, 'alg') !== 'RS256' || member(header, 'crit') !== undefined) {
    throw refused('RELEASE_RESPONSE_ALGORITHM', 'the algorithm is not RS256');
  }
  const [leaf, ...intermediates] = readChain(header);
  if (leaf === undefined) throw refused('RELEASE_RESPONSE_CERTIFICATE', '"x5c" is empty');
  checkLeaf(leaf, header);
  const signature = decodeBytes(signaturePart, 'signature');
  if (!verify('sha256', toUtf8(`${headerPart}.${payloadPart}`), leaf.publicKey, signature)) {
    throw refused('RELEASE_RESPONSE_SIGNATURE', 'the signature does not hold');
  }
  const vault = URL.parse(`https://${options.vaultHost}`);
  const host = vault?.hostname.replaceAll(/^\[|\]$/g, '') ?? '';
  verifyServerChain({ leaf, intermediates, trustedRoots: options.trustedRoots, host, now: options.now });
  const response = readResponse(payload);
  checkAnswers(response, options);
  return response;
}

function readChain(header: JsonObject): readonly Certificate[] {
  const list = member(header, 'x5c');
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_CERTIFICATES) {
    throw refused('RELEASE_RESPONSE_CERTIFICATE', `"x5c" is not a list of 1 to ${MAX_CERTIFICATES} certificates`);
  }
  return (list as readonly JsonValue[]).map((item) => {
    if (typeof item !== 'string') throw refused('RELEASE_RESPONSE_CERTIFICATE', 'an entry of "x5c" is not a text');
    try {
      return parseCertificate(fromBase64(item));
    } catch (cause) {
      throw refused(
        'RELEASE_RESPONSE_CERTIFICATE',
        `an entry of "x5c" is not a certificate: ${errorMessage(cause)}`,
        cause,
      );
    }
  });
}

function checkLeaf(leaf: Certificate, header: JsonObject): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: key } = leaf.publicKey;
  if (type !== 'rsa' || (key?.modulusLength ?? 0) < MINIMUM_RSA_BITS) {
    throw refused('RELEASE_RESPONSE_CERTIFICATE', `the signer's key is not RSA with ${MINIMUM_RSA_BITS} bits or more`);
  }
  for (const [name, hash] of [
    ['x5t', 'sha1'],
    ['x5t#S256', 'sha256'],
  ] as const) {
    const stated = member(header, name);
    if (stated !== undefined && stated !== createHash(hash).update(leaf.der).digest('base64url')) {
      throw refused('RELEASE_RESPONSE_CERTIFICATE', `"${name}" is of another certificate`);
    }
  }
}

function readResponse(payload: JsonObject): ReleaseResponse {
  const request = objectAt(payload, 'request');
  const bundle = objectAt(objectAt(payload, 'response'), 'key');
  const key = objectAt(bundle, 'key');
  const algorithm = member(request, 'enc');
  if (!isKeyWrapAlgorithm(algorithm))
    throw refused('RELEASE_RESPONSE_MISMATCH', 'the response names no known wrap algorithm');
  const nonce = member(request, 'nonce');
  if (nonce !== undefined && typeof nonce !== 'string') throw malformed('"nonce" is not a text');
  const keyHsm = decodeObject(textAt(key, 'key_hsm'), 'key_hsm');
  const hsmHeader = objectAt(keyHsm, 'header');
  if (member(hsmHeader, 'alg') !== 'dir') throw refused('RELEASE_RESPONSE_MISMATCH', '"alg" of key_hsm is not "dir"');
  if (member(hsmHeader, 'enc') !== algorithm)
    throw refused('RELEASE_RESPONSE_MISMATCH', '"enc" of key_hsm is not that of the request');
  const tags = member(bundle, 'tags');
  return {
    request: { kid: textAt(request, 'kid'), nonce, algorithm },
    key: readPublicKey(key),
    attributes: isJsonObject(member(bundle, 'attributes')) ? objectAt(bundle, 'attributes') : {},
    tags: isJsonObject(tags) ? tags : undefined,
    releasePolicy: isJsonObject(member(bundle, 'release_policy')) ? objectAt(bundle, 'release_policy') : {},
    encryptionKeyId: textAt(hsmHeader, 'kid'),
    ciphertext: decodeBytes(textAt(keyHsm, 'ciphertext'), 'ciphertext'),
  };
}

function readPublicKey(key: JsonObject): PublicJwk {
  const operations = member(key, 'key_ops') ?? [];
  if (!Array.isArray(operations) || operations.some((item: JsonValue) => typeof item !== 'string')) {
    throw malformed('"key_ops" is not a list of texts');
  }
  const optional = (name: 'n' | 'e' | 'crv' | 'x' | 'y'): Partial<Record<typeof name, string>> =>
    member(key, name) === undefined ? {} : { [name]: textAt(key, name) };
  return {
    kty: textAt(key, 'kty'),
    kid: textAt(key, 'kid'),
    key_ops: operations as readonly string[],
    ...optional('n'),
    ...optional('e'),
    ...optional('crv'),
    ...optional('x'),
    ...optional('y'),
  };
}

function checkAnswers(response: ReleaseResponse, options: VerifyReleaseResponseOptions): void {
  const { request, key } = response;
  const requested = readKeyUrl(request.kid);
  const released = readKeyUrl(key.kid ?? '');
  const { keyVersion: version } = options;
  if (!isKey(requested, options) || (version !== undefined && requested?.version !== version)) {
    throw refused('RELEASE_RESPONSE_MISMATCH', 'the response answers a request for another key');
  }
  if (!isKey(released, options) || released?.version === undefined) {
    throw refused('RELEASE_RESPONSE_MISMATCH', 'the response holds another key');
  }
  if (requested?.version !== undefined && released.version !== requested.version) {
    throw refused('RELEASE_RESPONSE_MISMATCH', 'the response holds another version of the key');
  }
  if (options.nonce !== undefined && request.nonce !== options.nonce) {
    throw refused('RELEASE_RESPONSE_MISMATCH', 'the response does not carry the nonce that was sent');
  }
  if (request.algorithm !== options.algorithm)
    throw refused('RELEASE_RESPONSE_MISMATCH', 'the response names another wrap algorithm');
  if (response.encryptionKeyId !== options.encryptionKeyId) {
    throw refused('RELEASE_RESPONSE_MISMATCH', 'the key is encrypted to another key');
  }
}

interface KeyUrl {
  readonly host: string;
  readonly name: string;
  readonly version: string | undefined;
}

function readKeyUrl(text: string): KeyUrl | undefined {
  const url = URL.parse(text);
  const match = /^\/keys\/([0-9A-Za-z-]{1,127})(?:\/([0-9a-f]{32}))?\/?$/.exec(url?.pathname ?? '');
  if (url?.protocol !== 'https:' || match === null) return undefined;
  return { host: url.host, name: match[1] ?? '', version: match[2] };
}

/** Names of vault objects are compared without case, as vaults do. */
function isKey(key: KeyUrl | undefined, options: VerifyReleaseResponseOptions): boolean {
  const host = URL.parse(`https://${options.vaultHost}`)?.host;
  return key?.host === host && key?.name.toLowerCase() === options.keyName.toLowerCase();
}

function objectAt(object: JsonObject, name: string): JsonObject {
  const value = member(object, name);
  if (!isJsonObject(value)) throw malformed(`"${name}" is not an object`);
  return value;
}

function textAt(object: JsonObject, name: string): string {
  const value = member(object, name);
  if (typeof value !== 'string') throw malformed(`"${name}" is not a text`);
  return value;
}

function decodeObject(text: string, what: string): JsonObject {
  const bytes = decodeBytes(text, what);
  try {
    return parseJsonObject(fromUtf8(bytes), MALFORMED);
  } catch (cause) {
    throw malformed(`${what}: ${errorMessage(cause)}`, cause);
  }
}

function decodeBytes(text: string, what: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw malformed(`${what}: ${errorMessage(cause)}`, cause);
  }
}

function encodeJson(value: unknown): string {
  return toBase64Url(toUtf8(JSON.stringify(value)));
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError(MALFORMED, `release response: ${problem}`, { cause });
}

function refused(code: string, problem: string, cause?: unknown): VerificationError {
  return new VerificationError(code, `release response: ${problem}`, { cause });
}
