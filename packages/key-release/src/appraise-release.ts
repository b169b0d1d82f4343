import { member, parseJsonObject, verifyAttestationToken } from '@holdfast/attestation';
import type { AttestationKeySet, JsonObject } from '@holdfast/attestation';
import { errorMessage, fromBase64Url, MalformedError, PolicyError, VerificationError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import { findEncryptionKey } from './encryption-key.ts';
import type { EncryptionKey } from './encryption-key.ts';
import { evaluateAuthority, isAuthority } from './release-policy.ts';
import type { ReleaseAuthority, ReleasePolicy } from './release-policy.ts';

const MAX_TOKEN_LENGTH = 128 * 1024;

/** The entries of a policy that name the issuer of a token. Nothing about the token is verified yet. */
export interface ReleaseCandidates {
  /** `iss` as it stands in the token. */
  readonly issuer: string;
  /** `https://host`, without a trailing slash: where the keys of the issuer are asked for. */
  readonly origin: string;
  readonly authorities: readonly ReleaseAuthority[];
}

/**
 * Which authorities of a policy could accept a token, by its unverified issuer. A vault contacts an issuer only after this:
 * otherwise whoever asks for a release chooses where the vault sends requests.
 * @throws MalformedError RELEASE_TARGET_MALFORMED
 * @throws VerificationError RELEASE_AUTHORITY_UNKNOWN
 */
export function findReleaseCandidates(policy: ReleasePolicy, token: string): ReleaseCandidates {
  const issuer = member(readUnverifiedClaims(token), 'iss');
  const authorities =
    typeof issuer === 'string' ? policy.anyOf.filter(({ authority }) => isAuthority(authority, issuer)) : [];
  if (typeof issuer !== 'string' || authorities.length === 0) {
    throw new VerificationError(
      'RELEASE_AUTHORITY_UNKNOWN',
      'the release policy does not name the issuer of the token',
    );
  }
  return { issuer, origin: new URL(issuer).origin, authorities };
}

/** Why a key may be released: the authority whose conditions hold, and the key to encrypt it to. */
export interface ReleaseGrant {
  readonly authority: ReleaseAuthority;
  readonly issuer: string;
  readonly tokenId: string | undefined;
  readonly encryptionKey: EncryptionKey;
}

/**
 * Decides over a release: verifies the token under the keys of its issuer, evaluates the conditions, and finds the key of
 * the attested environment.
 * @throws MalformedError ATTESTATION_TOKEN_MALFORMED
 * @throws VerificationError ATTESTATION_TOKEN_… as of `verifyAttestationToken`
 * @throws PolicyError RELEASE_POLICY_UNMET (details name the claims), RELEASE_NO_ENCRYPTION_KEY, ATTESTATION_TOKEN_TEST_ROOT
 */
export function appraiseRelease(options: {
  readonly token: string;
  readonly candidates: ReleaseCandidates;
  readonly keys: AttestationKeySet;
  /** `jwks_uri` of the issuer, which a `jku` in the token must equal. */
  readonly keySetUrl: string;
  readonly now: Clock;
  /** Accept tokens of the simulated platform; default false. */
  readonly allowTestRoot?: boolean;
  /** Called with issuer, token id and expiry (ms) when a token counts once; returns false when it was seen before. */
  readonly rememberTokenId?: (issuer: string, tokenId: string, expiresAt: number) => boolean;
}): ReleaseGrant {
  const { candidates } = options;
  const verified = verifyAttestationToken(options.token, {
    keys: options.keys,
    issuers: [candidates.issuer],
    keySetUrl: options.keySetUrl,
    now: options.now,
    // Everything about the environment is for the policy to say, its debug state included.
    expect: { attestationType: null, allowDebug: true, allowTestRoot: options.allowTestRoot ?? false },
  });
  // Values are compared as text, and 1.0 is not the text of an integer: such a number must not pass for 1.
  const [, payload = ''] = options.token.split('.');
  const claims = parseJsonObject(fromBase64Url(payload), 'ATTESTATION_TOKEN_MALFORMED', { fractions: 'null' });
  const verdicts = candidates.authorities.map((authority) => ({ authority, ...evaluateAuthority(authority, claims) }));
  const met = verdicts.find(({ satisfied }) => satisfied);
  if (met === undefined) {
    const unmetClaims = verdicts.flatMap(({ unmet }) =>
      unmet.map(({ claim, expected, problem }) => `${claim}: ${problem}, expected ${expected}`),
    );
    throw new PolicyError('RELEASE_POLICY_UNMET', 'the token does not satisfy the release policy', {
      details: { claims: unmetClaims.slice(0, 32) },
    });
  }
  const encryptionKey = findEncryptionKey(verified.claims);
  const { issuer, tokenId } = verified;
  const remember = options.rememberTokenId;
  if (remember !== undefined && (tokenId === undefined || !remember(issuer, tokenId, verified.expiresAt * 1000))) {
    throw new VerificationError('RELEASE_TOKEN_REPLAYED', 'the token has no id or was used before');
  }
  return { authority: met.authority, issuer, tokenId, encryptionKey };
}

function readUnverifiedClaims(token: string): JsonObject {
  const parts = token.length > MAX_TOKEN_LENGTH ? [] : token.split('.');
  try {
    if (parts.length !== 3) throw new MalformedError('RELEASE_TARGET_MALFORMED', 'not three parts');
    return parseJsonObject(fromBase64Url(parts[1] ?? ''), 'RELEASE_TARGET_MALFORMED');
  } catch (cause) {
    throw new MalformedError('RELEASE_TARGET_MALFORMED', `the target is not a JWT: ${errorMessage(cause)}`, { cause });
  }
}
