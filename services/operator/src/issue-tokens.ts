import {
  checkTokenLifetimes,
  encodeAdvertisingToken,
  encodeRefreshToken,
  rawUid,
  wrapRefreshToken,
} from '@holdfast/uid2';
import type { IdentityType, KeysetSnapshot, RawUid, RawUidOptions, SaltSnapshot } from '@holdfast/uid2';

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
 * @param options `bareRefreshToken` leaves out the wrapper and with it the response key
 * @throws PolicyError TOKEN_LIFETIMES_INVALID
 * @throws MalformedError KEYSET_DEFAULT_DUPLICATE
 * @throws VerificationError SALT_ENTRY_UNUSABLE
 */
export function issueTokens(
  api: OperatorApi,
  salts: SaltSnapshot,
  subject: TokenSubject,
  nowMs: number,
  options: { readonly bareRefreshToken?: boolean } = {},
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
  else if (keysets.keysetOfKey(site.id)?.siteId === siteId) api.metrics.siteKeyset(siteId, 'site_keyset_found');
  else {
    api.metrics.siteKeyset(siteId, 'fallback_keyset_found');
    warnOnce(context, keysets, siteId);
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
  api.metrics.refreshTokenServed(siteId);
  // Every value is Base64 or a number, so nothing needs escaping.
  const tokens = (refreshToken: string): string =>
    `{"advertising_token":"${advertisingToken}","refresh_token":"${refreshToken}",` +
    `"identity_expires":${identityExpires},"refresh_expires":${refreshExpires},"refresh_from":${refreshFrom}`;
  if (options.bareRefreshToken === true) return `${tokens(inner)}}`;
  const wrapped = wrapRefreshToken(inner, scope, refresh, context.random);
  return `${tokens(wrapped.text)},"refresh_response_key":"${wrapped.refreshResponseKey}"}`;
}

const warned = new WeakMap<KeysetSnapshot, Set<number>>();

/** Tells of a site without keys of its own once for every version of the keysets: tokens are made all the time. */
function warnOnce(context: OperatorContext, keysets: KeysetSnapshot, siteId: number): void {
  const sites = warned.get(keysets) ?? new Set();
  warned.set(keysets, sites);
  if (sites.has(siteId)) return;
  sites.add(siteId);
  context.logger.warn(
    { siteId },
    'a site has no default keyset with an active key; its tokens use the fallback site’s',
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
