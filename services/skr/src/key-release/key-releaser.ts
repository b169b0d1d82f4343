import { createHash, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import type { Certificate } from '@holdfast/attestation';
import { DependencyError, errorMessage, fromUtf8, RequestError, toBase64Url, toUtf8 } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import type { HttpAnswer, HttpClient } from '@holdfast/http';
import { formatReleaseRequest, releasedJwk, unwrapKeyMaterial, verifyReleaseResponse } from '@holdfast/key-release';
import type { KeyWrapAlgorithm } from '@holdfast/key-release';

import type { Attester } from '../attester.ts';
import { isRetryableStatus, withRetries } from '../retry.ts';
import type { Wait } from '../retry.ts';
import { fetchVaultToken } from './vault-token.ts';
import type { PodIdentity } from './vault-token.ts';

/** What a container of the pod asks for. */
export interface KeyRequest {
  /** https origin of the attestation service. */
  readonly maaOrigin: string;
  /** https origin of the vault or managed HSM. */
  readonly vaultOrigin: string;
  /** Name of the key, or name/version. */
  readonly kid: string;
  /** Bearer token for the vault; the identity of the pod gets one when missing. */
  readonly accessToken: string | undefined;
}

export type PrivateJwk = Readonly<Record<string, string | readonly string[]>>;

/** Gets keys out of a vault into this environment. */
export type ReleaseKey = (request: KeyRequest) => Promise<PrivateJwk>;

export interface KeyReleaserOptions {
  readonly attester: Pick<Attester, 'token'>;
  readonly client: Pick<HttpClient, 'send'>;
  readonly identity: PodIdentity;
  readonly algorithm: KeyWrapAlgorithm;
  /** Roots of web servers; asked at the first release. */
  readonly trustedRoots: () => readonly Certificate[];
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly wait: Wait;
}

const API_VERSION = '7.4';
const KEY_ID = /^([0-9A-Za-z-]{1,127})(?:\/([0-9a-f]{32}))?$/;
const SHOWN_ANSWER_CHARACTERS = 2000;
const generateKeys = promisify(generateKeyPair);

/**
 * Secure key release, the side of the attested environment: an RSA key made for this one release is bound into evidence, the
 * vault encrypts the wanted key to it, and the answer is verified before anything is unwrapped.
 * Failures beside those of the attester: RequestError SKR_REQUEST_INVALID, DependencyError VAULT_TOKEN_UNAVAILABLE and
 * VAULT_RELEASE_FAILED, and the codes of `verifyReleaseResponse`, `unwrapKeyMaterial` and `releasedJwk`.
 */
export function createKeyReleaser(options: KeyReleaserOptions): ReleaseKey {
  let roots: readonly Certificate[] | undefined;
  return async (request) => {
    const [, keyName, keyVersion] = KEY_ID.exec(request.kid) ?? [];
    if (keyName === undefined) {
      throw new RequestError('SKR_REQUEST_INVALID', 'kid is not the name of a key, or name/version');
    }
    const ephemeral = await generateKeys('rsa', { modulusLength: 2048 });
    const { kid, runtimeData } = describeKey(ephemeral.publicKey);
    const target = await options.attester.token(request.maaOrigin, runtimeData);
    const bearer = request.accessToken ?? (await fetchVaultToken(resourceOf(request.vaultOrigin), options));
    const nonce = toBase64Url(options.random(32));
    const body = formatReleaseRequest({ target, nonce, algorithm: options.algorithm });
    const jws = await withRetries(async () => askVault(options, request, bearer, body), options.wait, options.random);
    roots ??= options.trustedRoots();
    const response = verifyReleaseResponse(jws, {
      vaultHost: new URL(request.vaultOrigin).host,
      keyName,
      keyVersion,
      nonce,
      algorithm: options.algorithm,
      encryptionKeyId: kid,
      trustedRoots: roots,
      now: options.clock(),
    });
    const material = unwrapKeyMaterial({
      privateKey: ephemeral.privateKey,
      ciphertext: response.ciphertext,
      algorithm: options.algorithm,
    });
    return releasedJwk(material, response.key);
  };
}

/** The runtime data that the evidence binds: a JWK set with the ephemeral key, members in alphabetical order. */
function describeKey(publicKey: KeyObject): { readonly kid: string; readonly runtimeData: Uint8Array } {
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
  // RFC 7638: the required members in alphabetical order, without white space.
  const kid = createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url');
  return { kid, runtimeData: toUtf8(JSON.stringify({ keys: [{ e, key_ops: ['encrypt'], kid, kty: 'RSA', n }] })) };
}

/** Only a host under the domain of managed HSMs counts as one: the name is the caller's. */
function resourceOf(vaultOrigin: string): string {
  return new URL(vaultOrigin).hostname.endsWith('.managedhsm.azure.net')
    ? 'https://managedhsm.azure.net'
    : 'https://vault.azure.net';
}

async function askVault(
  options: KeyReleaserOptions,
  { vaultOrigin, kid }: KeyRequest,
  bearer: string,
  body: string,
): Promise<string> {
  let answer: HttpAnswer;
  try {
    answer = await options.client.send({
      method: 'POST',
      url: `${vaultOrigin}/keys/${kid}/release?api-version=${API_VERSION}`,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
      body,
      timeoutMs: 15_000,
      maxBytes: 1024 * 1024,
    });
  } catch (cause) {
    throw failed(`${vaultOrigin} did not answer: ${errorMessage(cause)}`, {
      retryable: cause instanceof DependencyError && cause.retryable,
      cause,
    });
  }
  if (answer.status !== 200) {
    const text = Buffer.from(answer.body).toString('utf8').slice(0, SHOWN_ANSWER_CHARACTERS);
    throw failed(`${vaultOrigin} answered with status ${answer.status}: ${text}`, {
      retryable: isRetryableStatus(answer.status),
      status: answer.status,
    });
  }
  let value: unknown;
  try {
    value = (JSON.parse(fromUtf8(answer.body)) as { value?: unknown } | null)?.value;
  } catch (cause) {
    throw failed(`${vaultOrigin} answered something that is not JSON`, { retryable: false, cause });
  }
  if (typeof value === 'string' && value !== '') return value;
  throw failed(`${vaultOrigin} answered without a key`, { retryable: false });
}

function failed(
  message: string,
  options: { readonly retryable: boolean; readonly cause?: unknown; readonly status?: number },
): DependencyError {
  return new DependencyError('VAULT_RELEASE_FAILED', message, {
    retryable: options.retryable,
    cause: options.cause,
    details: { status: options.status ?? null },
    action: 'Read the answer in the message; which claim did not meet the policy is in the log of the vault.',
  });
}
