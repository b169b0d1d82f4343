import { createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { ConfigError, toBase64Url, toUtf8 } from '@holdfast/base';

import { formatJson } from '../json/json.ts';
import type { JsonObject, JsonValue } from '../json/json.ts';
import { trustStatus } from './trust-vector.ts';
import type { TrustVector } from './trust-vector.ts';

/** The appraisal of one device: an entry of `submods`. */
export interface EarAppraisal {
  readonly vector: TrustVector;
  readonly policyId: string;
  /** The policy's input, published as annotated evidence. */
  readonly evidence: JsonObject;
  /** Further members, by name. */
  readonly extensions?: Readonly<Record<string, JsonValue>>;
}

export interface EarTokenOptions {
  readonly issuer: string;
  readonly profile: string;
  readonly developer: string;
  readonly build: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** A P-256 key and, where relying parties check one, its certificate chain. */
export interface EarSigner {
  readonly key: KeyObject;
  /** The public key as it stands in token headers and key sets. */
  readonly jwk: JsonObject;
  /** The encoded header of its tokens, which is the same for all. */
  readonly header: string;
}

/**
 * @param chain certificates of the key in DER, leaf first
 * @throws ConfigError EAR_SIGNER_INVALID for a key that is not P-256
 */
export function createEarSigner(
  key: KeyObject,
  options: { readonly chain?: readonly Uint8Array[]; readonly url?: string } = {},
): EarSigner {
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new ConfigError('EAR_SIGNER_INVALID', ['the key that signs attestation tokens is not a P-256 key']);
  }
  const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' });
  const jwk: JsonObject = {
    kty: 'EC',
    crv: 'P-256',
    alg: 'ES256',
    x,
    y,
    ...(options.url === undefined ? {} : { x5u: options.url }),
    ...(options.chain === undefined ? {} : { x5c: options.chain.map((der) => Buffer.from(der).toString('base64')) }),
  };
  return { key, jwk, header: part({ typ: 'JWT', alg: 'ES256', jwk }) };
}

/**
 * An EAT attestation result (draft-ietf-rats-ear) as a compact JWS signed with ES256.
 * @param submods by name such as `cpu0`
 */
export function issueEarToken(
  signer: EarSigner,
  submods: Readonly<Record<string, EarAppraisal>>,
  options: EarTokenOptions,
): string {
  const names = Object.keys(submods).sort();
  const claims: JsonObject = {
    eat_profile: options.profile,
    iat: options.issuedAt,
    exp: options.expiresAt,
    iss: options.issuer,
    'ear.verifier-id': { developer: options.developer, build: options.build },
    submods: Object.fromEntries(
      names.flatMap((name) => {
        const appraisal = submods[name];
        return appraisal === undefined ? [] : [[name, appraisalClaims(appraisal)]];
      }),
    ),
  };
  const signed = `${signer.header}.${part(claims)}`;
  const signature = sign('sha256', toUtf8(signed), { key: signer.key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${toBase64Url(new Uint8Array(signature))}`;
}

function appraisalClaims({ vector, policyId, evidence, extensions }: EarAppraisal): JsonObject {
  return {
    'ear.status': trustStatus(vector),
    ...(Object.keys(vector).length === 0 ? {} : { 'ear.trustworthiness-vector': vector }),
    'ear.appraisal-policy-id': policyId,
    'ear.veraison.annotated-evidence': evidence,
    ...extensions,
  };
}

function part(value: JsonObject): string {
  return toBase64Url(toUtf8(formatJson(value)));
}
