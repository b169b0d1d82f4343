import { randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { parseJsonObject } from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import { fromBase64Url, PlatformError, PolicyError, RequestError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import {
  appraiseRelease,
  decodeReleasePolicy,
  findReleaseCandidates,
  formatReleaseResponse,
  parseReleaseRequest,
  wrapKeyMaterial,
} from '@holdfast/key-release';

import type { AuthorityKeys } from './authority-keys.ts';
import { isHsm, publicMembers } from './key-material.ts';
import type { KeyVersion } from './key-store.ts';
import { VaultFault } from './vault-http.ts';

/** A decision over a release, for the log: what callers do not get to know is here. */
export interface KeyReleaseDecision {
  readonly keyId: string;
  /** Client id of the caller. */
  readonly caller: string;
  readonly released: boolean;
  readonly issuer: string | undefined;
  readonly tokenId: string | undefined;
  /** Why not, when it was not released. */
  readonly error: PlatformError | undefined;
}

export interface KeyReleaseOptions {
  readonly authorityKeys: AuthorityKeys;
  /** Key and certificate chain of the web server: they sign releases. RSA. */
  readonly signingKey: KeyObject;
  readonly chain: readonly Certificate[];
  readonly clock: Clock;
  /** Accept tokens of the simulated platform; default false. */
  readonly allowTestRoot?: boolean;
  /** Accept each token once; default false, as attestation tokens are good for hours. */
  readonly singleUseTokens?: boolean;
  readonly onDecision?: (decision: KeyReleaseDecision) => void;
}

/** What a release is asked for. */
export interface ReleaseCall {
  readonly key: KeyVersion;
  /** Full URL of the version. */
  readonly keyId: string;
  /** URL of the key as the request addressed it. */
  readonly requestedId: string;
  /** Public key bundle members beside the key: attributes, tags, release_policy. */
  readonly bundle: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
  readonly apiVersion: string;
  readonly caller: string;
}

/** Releases keys to attested environments. */
export type ReleaseKey = (call: ReleaseCall) => Promise<string>;

/**
 * Secure key release: yields the signed answer, or throws what the caller gets to see. Callers learn only whether the token
 * could not be verified or did not meet the policy; the decision tells the log which claim it was.
 * @throws RequestError RELEASE_REQUEST_INVALID, VAULT_KEY_PARAMETER_INVALID, VAULT_KEY_DISABLED, _NOT_YET_VALID, _EXPIRED
 */
export function createKeyRelease(options: KeyReleaseOptions): ReleaseKey {
  const seen = createTokenMemory(options.clock);

  const release = async (call: ReleaseCall, decided: (issuer: string, tokenId?: string) => void): Promise<string> => {
    const { key } = call;
    assertReleasable(key);
    const request = parseReleaseRequest(call.body);
    const policy = decodeReleasePolicy(key.releasePolicy?.data ?? '');
    const candidates = findReleaseCandidates(policy, request.target);
    decided(candidates.issuer);
    const published = await options.authorityKeys.keysOf(candidates.origin, keyIdOf(request.target));
    const grant = appraiseRelease({
      token: request.target,
      candidates,
      keys: published.keys,
      keySetUrl: published.keySetUrl,
      now: options.clock,
      allowTestRoot: options.allowTestRoot ?? false,
      ...(options.singleUseTokens === true ? { rememberTokenId: seen } : {}),
    });
    decided(grant.issuer, grant.tokenId);
    const ciphertext = wrapKeyMaterial({
      publicKey: grant.encryptionKey.publicKey,
      material: key.material.secret,
      algorithm: request.algorithm,
      random: (length) => new Uint8Array(randomBytes(length)),
    });
    const { attributes, tags, release_policy: releasePolicy } = call.bundle as Record<string, never>;
    return formatReleaseResponse(
      {
        request: { kid: call.requestedId, nonce: request.nonce, algorithm: request.algorithm },
        key: { kid: call.keyId, kty: key.material.kty, key_ops: key.keyOps, ...publicMembers(key.material) },
        attributes: attributes ?? {},
        tags,
        releasePolicy: releasePolicy ?? {},
        encryptionKeyId: grant.encryptionKey.kid,
        ciphertext,
      },
      { signingKey: options.signingKey, chain: options.chain, apiVersion: call.apiVersion },
    );
  };

  function assertReleasable({ attributes, material, releasePolicy }: KeyVersion): void {
    assertUsable(attributes, options.clock, 'release');
    if (!attributes.exportable || !isHsm(material.kty) || releasePolicy === undefined) {
      throw new RequestError('VAULT_KEY_PARAMETER_INVALID', 'The key is not exportable and cannot be released.');
    }
  }

  return async (call) => {
    let about: { issuer?: string | undefined; tokenId?: string | undefined } = {};
    const decide = (error: PlatformError | undefined): void => {
      const { issuer, tokenId } = about;
      const { keyId, caller } = call;
      options.onDecision?.({ keyId, caller, released: error === undefined, issuer, tokenId, error });
    };
    try {
      const answer = await release(call, (issuer, tokenId) => (about = { issuer, tokenId }));
      decide(undefined);
      return answer;
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      decide(error);
      if (error instanceof RequestError) throw error;
      throw new VaultFault(
        403,
        'Forbidden',
        error instanceof PolicyError
          ? 'Target environment attestation does not meet key release policy requirements.'
          : 'Target environment attestation statement cannot be verified.',
        { innerCode: 'AccessDenied' },
      );
    }
  };
}

/**
 * That a key may be used now.
 * @throws RequestError VAULT_KEY_DISABLED, VAULT_KEY_NOT_YET_VALID, VAULT_KEY_EXPIRED
 */
export function assertUsable(attributes: KeyVersion['attributes'], clock: Clock, operation: string): void {
  const now = clock() / 1000;
  const { enabled, nbf, exp } = attributes;
  if (!enabled) {
    throw new RequestError('VAULT_KEY_DISABLED', `Operation ${operation} is not allowed on a disabled key.`);
  }
  if (nbf !== undefined && now < nbf) {
    throw new RequestError('VAULT_KEY_NOT_YET_VALID', `Operation ${operation} is not allowed on a key not yet valid.`);
  }
  if (exp !== undefined && now >= exp) {
    throw new RequestError('VAULT_KEY_EXPIRED', `Operation ${operation} is not allowed on an expired key.`);
  }
}

/** The key id in the header of a token, unverified: it only decides whether published keys are fetched anew. */
function keyIdOf(token: string): string | undefined {
  try {
    const { kid } = parseJsonObject(fromBase64Url(token.split('.', 1)[0] ?? ''), 'RELEASE_TARGET_MALFORMED');
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined; // the verification says what is wrong with the header
  }
}

/** Remembers token ids until the tokens expire. */
function createTokenMemory(clock: Clock): (issuer: string, tokenId: string, expiresAt: number) => boolean {
  const ids = new Map<string, number>();
  return (issuer, tokenId, expiresAt) => {
    for (const [id, end] of ids) if (end < clock()) ids.delete(id);
    const id = `${issuer} ${tokenId}`;
    if (ids.has(id)) return false;
    // Tokens are accepted for a little longer than they say, so they are remembered longer too.
    ids.set(id, expiresAt + 10 * 60 * 1000);
    return true;
  };
}
