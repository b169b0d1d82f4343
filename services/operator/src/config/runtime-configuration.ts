import { z } from 'zod';

import { text } from './setting-types.ts';
import type { Values } from './setting-types.ts';

/** The runtime configuration, used when `enable_remote_config` is false. */
export const runtimeConfiguration = {
  identity_token_expires_after_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Lifetime of an advertising token.' }),
  refresh_token_expires_after_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Lifetime of a refresh token.' }),
  refresh_identity_token_after_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'After how long a client should refresh.' }),
  sharing_token_expiry_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Lifetime of a sharing token, as clients are told.' }),
  identity_environment: text
    .optional()
    .meta({ description: 'Environment that is marked in raw UIDs: test, integ or prod.' }),
  max_bidstream_lifetime_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Longest lifetime of a token in the bidstream, as clients are told.' }),
  max_sharing_lifetime_seconds: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Longest lifetime of a sharing token, as clients are told.' }),
};

/** The keys that are set. */
export function runtimeKeys(settings: Values<typeof runtimeConfiguration>): Record<string, string | number> {
  const keys = {
    identity_token_expires_after_seconds: settings.identity_token_expires_after_seconds,
    refresh_token_expires_after_seconds: settings.refresh_token_expires_after_seconds,
    refresh_identity_token_after_seconds: settings.refresh_identity_token_after_seconds,
    sharing_token_expiry_seconds: settings.sharing_token_expiry_seconds,
    identity_environment: settings.identity_environment,
    max_bidstream_lifetime_seconds: settings.max_bidstream_lifetime_seconds,
    max_sharing_lifetime_seconds: settings.max_sharing_lifetime_seconds,
  };
  return Object.fromEntries(
    Object.entries(keys).filter((entry): entry is [string, string | number] => entry[1] !== undefined),
  );
}
