import type { TokenKey } from '../tokens/token-key.ts';

/** Keyset and site of the keys that seal advertising tokens. */
export const MASTER_KEYSET_ID = -1;
/** Keyset and site of the keys that seal refresh tokens; never leaves an operator. */
export const REFRESH_KEYSET_ID = -2;
/** Publisher site, and its keyset, whose keys stand in for sites without their own. */
export const FALLBACK_PUBLISHER_SITE_ID = 2;
/** The master keyset's id in answers to SDKs, which insist on positive ids. */
export const MASTER_KEYSET_ID_FOR_SDKS = 9_999_999;

/** A group of keys of one site, and who else may see them. */
export interface Keyset {
  readonly id: number;
  readonly siteId: number;
  readonly name: string;
  /** Undefined admits every ID_READER; an empty set admits nobody but the owner. */
  readonly allowedSites: ReadonlySet<number> | undefined;
  readonly createdSeconds: number;
  readonly enabled: boolean;
  /** Whether the site's tokens are made with this keyset. */
  readonly isDefault: boolean;
}

/** One key of a keyset. Times in seconds since the epoch, as stores and SDKs have them. */
export interface KeysetKey extends TokenKey {
  readonly keysetId: number;
  readonly createdSeconds: number;
  /** The key may be used from this instant on. */
  readonly activatesSeconds: number;
  /** The key may no longer be used for new tokens from this instant on. */
  readonly expiresSeconds: number;
}
