import { isJsonObject, member, parseJson } from '@holdfast/attestation';
import { errorMessage, RequestError } from '@holdfast/base';

import { DEFAULT_WRAP_ALGORITHM, isKeyWrapAlgorithm } from './wrap-algorithm.ts';
import type { KeyWrapAlgorithm } from './wrap-algorithm.ts';

/** The body of POST /keys/{name}/{version}/release. */
export interface ReleaseRequest {
  /** The attestation token, a JWS in compact form. */
  readonly target: string;
  readonly nonce: string | undefined;
  readonly algorithm: KeyWrapAlgorithm;
}

const CODE = 'RELEASE_REQUEST_INVALID';
const MAX_NONCE = 1024;

/**
 * Reads the body of a release request; a missing `enc` is CKM_RSA_AES_KEY_WRAP.
 * @throws RequestError RELEASE_REQUEST_INVALID
 */
export function parseReleaseRequest(body: string | Uint8Array): ReleaseRequest {
  let value;
  try {
    value = parseJson(body, CODE);
  } catch (cause) {
    throw new RequestError(CODE, `release request: ${errorMessage(cause)}`, { cause });
  }
  if (!isJsonObject(value)) throw invalid('not a JSON object');
  const target = member(value, 'target');
  if (typeof target !== 'string' || target === '') throw invalid('"target" is missing');
  const nonce = member(value, 'nonce') ?? undefined;
  if (nonce !== undefined && (typeof nonce !== 'string' || nonce.length > MAX_NONCE)) {
    throw invalid(`"nonce" is not a text of at most ${MAX_NONCE} characters`);
  }
  const algorithm = member(value, 'enc') ?? DEFAULT_WRAP_ALGORITHM;
  if (!isKeyWrapAlgorithm(algorithm)) throw invalid('"enc" is not a key wrap algorithm');
  return { target, nonce, algorithm };
}

/** The body of a release request. */
export function formatReleaseRequest(request: ReleaseRequest): string {
  const { target, nonce, algorithm } = request;
  return JSON.stringify({ target, ...(nonce === undefined ? {} : { nonce }), enc: algorithm });
}

function invalid(problem: string): RequestError {
  return new RequestError(CODE, `release request: ${problem}`);
}
