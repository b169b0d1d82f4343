import {
  checkTokenLifetimes,
  encodeAdvertisingToken,
  encodeRefreshToken,
  rawUid,
  wrapRefreshToken,
} from '@holdfast/uid2';
import type { IdentityType, RawUid, RawUidOptions, SaltSnapshot } from '@holdfast/uid2';

import type { OperatorApi } from './api.ts';
import type { OperatorContext } from './context.ts';
import { rawUidVersion } from './request-metrics.ts';

/** Whom tokens are for. A refresh keeps all of it from the old token. */
export interface TokenSubject {
  readonly type: IdentityType;
  readonly firstLevelHash: Uint8Array;
  readonly siteId: number;
  readonly publisherId: number;
  readonly clientKeyId: number;
  readonly privacyBits: number;
  /** When the user first got a token of this publisher, milliseconds since the epoch. */
  readonly establishedMs: number;
}

/**
 * Makes an advertising token and a wrapped refresh token from today's salts and keys and answers the JSON text of the
 * reply's `body`; undefined when a master, site or refresh key is missing.
 * @throws PolicyError TOKEN_LIFETIMES_INVALID
 * @throws MalformedError KEYSET_DEFAULT_DUPLICATE
 * @throws VerificationError SALT_ENTRY_UNUSABLE
 */
export function issueTokens(
  api: OperatorApi,
  salts: SaltSnapshot,
  subject: TokenSubject,
  nowMs: number,
): string | undefined {
  const { context } = api;
  const { identityScope: scope } = context.settings;
  const runtime = context.stores.runtimeConfig();
  checkTokenLifetimes({
    identitySeconds: runtime.identityTokenExpiresAfterSeconds,
    refreshSeconds: runtime.refreshTokenExpiresAfterSeconds,
    refreshAfterSeconds: runtime.refreshIdentityTokenAfterSeconds,
  });
  const { siteId, firstLevelHash, type, privacyBits, establishedMs } = subject;
  const uid = currentRawUid(context, salts, firstLevelHash, type);
  api.metrics.rawUids(rawUidVersion(uid), 1);

  const keysets = context.stores.keysets();
  const master = keysets.masterKey(nowMs);
  const site = keysets.siteKey(siteId, nowMs);
  const refresh = keysets.refreshKey(nowMs);
  if (site === undefined) api.metrics.siteKeyset(siteId, 'keyset_not_found');
  else {
    const own = keysets.keysetOfKey(site.id)?.siteId === siteId;
    api.metrics.siteKeyset(siteId, own ? 'site_keyset_found' : 'fallback_keyset_found');
  }
  if (master === undefined || site === undefined || refresh === undefined) return undefined;

  const identityExpires = nowMs + runtime.identityTokenExpiresAfterSeconds * 1000;
  const refreshExpires = nowMs + runtime.refreshTokenExpiresAfterSeconds * 1000;
  const refreshFrom = nowMs + runtime.refreshIdentityTokenAfterSeconds * 1000;
  const advertisingToken = encodeAdvertisingToken(
    {
      scope,
      type,
      siteId,
      privacyBits,
      createdMs: nowMs,
      expiresMs: identityExpires,
      establishedMs,
      refreshedMs: nowMs,
      rawUid: uid,
    },
    { master, site },
    context.random,
  );
  const inner = encodeRefreshToken(
    {
      scope,
      type,
      createdMs: nowMs,
      expiresMs: refreshExpires,
      siteId,
      publisherId: subject.publisherId,
      clientKeyId: subject.clientKeyId,
      privacyBits,
      establishedMs,
      firstLevelHash,
    },
    refresh,
    context.random,
  );
  const wrapped = wrapRefreshToken(inner, scope, refresh, context.random);
  api.metrics.refreshTokenServed(siteId);
  // Every value is Base64 or a number, so nothing needs escaping.
  return (
    `{"advertising_token":"${advertisingToken}","refresh_token":"${wrapped.text}",` +
    `"identity_expires":${identityExpires},"refresh_expires":${refreshExpires},"refresh_from":${refreshFrom},` +
    `"refresh_response_key":"${wrapped.refreshResponseKey}"}`
  );
}

/** Today's raw UID of a first-level hash. */
export function currentRawUid(
  context: OperatorContext,
  salts: SaltSnapshot,
  firstLevelHash: Uint8Array,
  type: IdentityType,
): RawUid {
  const { table } = salts;
  return rawUid(table, table.indexOf(firstLevelHash), firstLevelHash, rawUidOptions(context, type));
}

export function rawUidOptions(context: OperatorContext, type: IdentityType): RawUidOptions {
  const { identityScope, identityV3 } = context.settings;
  return { scope: identityScope, type, environment: context.stores.runtimeConfig().identityEnvironment, identityV3 };
}
