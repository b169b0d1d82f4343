import { InternalError, toBase64 } from '@holdfast/base';
import { FALLBACK_PUBLISHER_SITE_ID, MASTER_KEYSET_ID, MASTER_KEYSET_ID_FOR_SDKS } from '@holdfast/uid2';
import type { ClientRecord, KeysetKey, KeysetSnapshot, SiteRecord } from '@holdfast/uid2';

import type { OperatorApi } from '../api.ts';
import { siteOf } from '../authentication.ts';
import type { Endpoint } from '../enveloped-route.ts';
import { refusal, success } from '../responses.ts';

/** SDKs get this much more than the configured lifetime, so that clocks that differ a little do no harm. */
const LIFETIME_TOLERANCE_SECONDS = 10;

/** `POST /v2/key/latest`: every key the caller may read, with the site each belongs to. */
export function keyLatest(api: OperatorApi): Endpoint {
  return ({ client }) => {
    const siteId = siteOf(client);
    if (siteId <= FALLBACK_PUBLISHER_SITE_ID) {
      return refusal(401, 'invalid_client', `Unexpected client site id ${siteId}`);
    }
    const keysets = api.context.stores.keysets();
    const keys = accessibleKeys(keysets, client).map((key) =>
      keyText(key, `"site_id":${ownerOf(keysets, key).siteId}`),
    );
    return success(`[${keys.join(',')}]`);
  };
}

/** `POST /v2/key/sharing`: what a sharing SDK needs to make and read tokens. */
export function keySharing(api: OperatorApi): Endpoint {
  return ({ client, nowMs }) => {
    const { settings, stores } = api.context;
    const runtime = stores.runtimeConfig();
    const keysets = stores.keysets();
    const siteId = siteOf(client);
    requireMasterKey(keysets, nowMs);
    const defaultKeyset = keysets.defaultKeyset(siteId);
    const isSharer = client.roles.includes('SHARER');
    if (isSharer && defaultKeyset === undefined) {
      api.context.logger.warn({ siteId }, 'a sharer has no default keyset');
    }
    const accessible = accessibleKeys(keysets, client);
    const keys = accessible.map((key) => {
      if (key.keysetId === MASTER_KEYSET_ID) return keyText(key, `"keyset_id":${MASTER_KEYSET_ID_FOR_SDKS}`);
      return keyText(key, ownerOf(keysets, key).siteId === siteId ? `"keyset_id":${key.keysetId}` : undefined);
    });
    const members = [
      `"caller_site_id":${siteId}`,
      `"master_keyset_id":${MASTER_KEYSET_ID_FOR_SDKS}`,
      ...(defaultKeyset === undefined ? [] : [`"default_keyset_id":${defaultKeyset.id}`]),
      // A string, as SDKs have always got it.
      `"token_expiry_seconds":"${runtime.sharingTokenExpirySeconds}"`,
      ...(isSharer
        ? [`"max_sharing_lifetime_seconds":${runtime.maxSharingLifetimeSeconds + LIFETIME_TOLERANCE_SECONDS}`]
        : []),
      `"identity_scope":"${settings.identityScope.toUpperCase()}"`,
      `"allow_clock_skew_seconds":${settings.allowClockSkewSeconds}`,
      `"keys":[${keys.join(',')}]`,
      ...siteData(api, keysets, accessible),
    ];
    return success(`{${members.join(',')}}`);
  };
}

/** `POST /v2/key/bidstream`: what a bidder's SDK needs to read tokens. */
export function keyBidstream(api: OperatorApi): Endpoint {
  return ({ client, nowMs }) => {
    const { settings, stores } = api.context;
    const keysets = stores.keysets();
    requireMasterKey(keysets, nowMs);
    keysets.defaultKeyset(siteOf(client)); // contradictory seed data fail here too
    const accessible = accessibleKeys(keysets, client);
    const keys = accessible.map((key) => keyText(key, undefined));
    const lifetime = stores.runtimeConfig().maxBidstreamLifetimeSeconds + LIFETIME_TOLERANCE_SECONDS;
    const members = [
      `"max_bidstream_lifetime_seconds":${lifetime}`,
      `"identity_scope":"${settings.identityScope.toUpperCase()}"`,
      `"allow_clock_skew_seconds":${settings.allowClockSkewSeconds}`,
      `"keys":[${keys.join(',')}]`,
      ...siteData(api, keysets, accessible),
    ];
    return success(`{${members.join(',')}}`);
  };
}

function accessibleKeys(keysets: KeysetSnapshot, client: ClientRecord): readonly KeysetKey[] {
  return keysets.accessibleKeys(siteOf(client), new Set(client.roles));
}

function requireMasterKey(keysets: KeysetSnapshot, nowMs: number): void {
  if (keysets.masterKey(nowMs) === undefined) throw new InternalError('MASTER_KEY_MISSING', 'no master key is active');
}

function ownerOf(keysets: KeysetSnapshot, key: KeysetKey): { readonly siteId: number } {
  const owner = keysets.keysetById(key.keysetId);
  if (owner === undefined) throw new InternalError('KEYSET_MISSING', `key ${key.id} belongs to no keyset`);
  return owner;
}

/**
 * The member `site_data`: where the sites behind `keys` show client-side tokens, so that bidders can tell stolen ones. No
 * member at all while client-side token generation is off.
 */
function siteData(api: OperatorApi, keysets: KeysetSnapshot, keys: readonly KeysetKey[]): readonly string[] {
  const { settings, stores } = api.context;
  const { clientSide } = settings;
  if (clientSide === undefined) return [];
  const siteIds = [...new Set(keys.map((key) => ownerOf(keysets, key).siteId))].sort((a, b) => a - b);
  const sites = siteIds
    .map((siteId) => stores.site(siteId))
    .filter((site) => site !== undefined)
    .map((site) => ({ id: site.id, domain_names: namesOf(site, clientSide.shareAppNames) }))
    .filter(({ domain_names: names }) => names.length > 0);
  return [`"site_data":${JSON.stringify(sites)}`];
}

function namesOf(site: SiteRecord, withAppNames: boolean): readonly string[] {
  const names = withAppNames ? [...site.domainNames, ...site.appNames] : site.domainNames;
  return [...new Set(names)].sort();
}

/** One key as SDKs read it; times in seconds. */
function keyText(key: KeysetKey, extraMember: string | undefined): string {
  const extra = extraMember === undefined ? '' : `,${extraMember}`;
  return (
    `{"id":${key.id}${extra},"created":${key.createdSeconds},"activates":${key.activatesSeconds},` +
    `"expires":${key.expiresSeconds},"secret":"${toBase64(key.secret.export())}"}`
  );
}
