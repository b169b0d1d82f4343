import type { IdentityEnvironment } from '../identity/identity.ts';
import { isJsonObject } from '../envelope/lenient-json.ts';
import type { JsonObject } from '../envelope/lenient-json.ts';
import { objectReader, parseObject } from './record-reader.ts';

/** What an operator may change while it runs. Durations are seconds. */
export interface RuntimeConfiguration {
  readonly identityTokenExpiresAfterSeconds: number;
  readonly refreshTokenExpiresAfterSeconds: number;
  readonly refreshIdentityTokenAfterSeconds: number;
  readonly sharingTokenExpirySeconds: number;
  readonly identityEnvironment: IdentityEnvironment;
  readonly maxBidstreamLifetimeSeconds: number;
  readonly maxSharingLifetimeSeconds: number;
}

export interface VersionedRuntimeConfiguration {
  readonly version: number;
  readonly configuration: RuntimeConfiguration;
}

const FILE = 'runtime_config';

/**
 * Reads what Core answers at `/operator/config`: `{"version":n,"runtime_config":{…}}`.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseRuntimeConfigurationFile(text: string): VersionedRuntimeConfiguration {
  const file = parseObject(FILE, text);
  const reader = objectReader(FILE, file);
  const configuration = file['runtime_config'];
  if (!isJsonObject(configuration)) throw reader.fail('runtime_config', 'is missing or not an object');
  return { version: reader.integer('version'), configuration: parseRuntimeConfiguration(configuration) };
}

/**
 * Reads and checks a runtime configuration, or the same keys of an operator's main configuration; unknown keys are
 * ignored. Lifetimes must be ordered: refresh-after ≤ identity ≤ refresh token, and bidstream ≥ identity.
 * @throws MalformedError SEED_FILE_MALFORMED naming the first key that is missing or breaks a rule
 */
export function parseRuntimeConfiguration(object: JsonObject): RuntimeConfiguration {
  const reader = objectReader(FILE, object);
  const identity = reader.integer('identity_token_expires_after_seconds');
  const refresh = reader.integer('refresh_token_expires_after_seconds');
  const refreshAfter = reader.integer('refresh_identity_token_after_seconds');
  const sharing = reader.integer('sharing_token_expiry_seconds');
  const environment = reader.text('identity_environment').toLowerCase();
  const bidstream = reader.integerOr('max_bidstream_lifetime_seconds', identity);
  if (environment !== 'test' && environment !== 'integ' && environment !== 'prod') {
    throw reader.fail('identity_environment', 'is none of test, integ and prod');
  }
  if (identity > refresh) {
    throw reader.fail('identity_token_expires_after_seconds', 'is greater than refresh_token_expires_after_seconds');
  }
  if (refreshAfter > identity) {
    throw reader.fail('refresh_identity_token_after_seconds', 'is greater than identity_token_expires_after_seconds');
  }
  if (bidstream < identity) {
    throw reader.fail('max_bidstream_lifetime_seconds', 'is less than identity_token_expires_after_seconds');
  }
  return {
    identityTokenExpiresAfterSeconds: identity,
    refreshTokenExpiresAfterSeconds: refresh,
    refreshIdentityTokenAfterSeconds: refreshAfter,
    sharingTokenExpirySeconds: sharing,
    identityEnvironment: environment,
    maxBidstreamLifetimeSeconds: bidstream,
    maxSharingLifetimeSeconds: reader.integerOr('max_sharing_lifetime_seconds', sharing),
  };
}

/** The text of a runtime configuration file. */
export function writeRuntimeConfigurationFile(file: VersionedRuntimeConfiguration): string {
  const { version, configuration } = file;
  const runtimeConfig: JsonObject = {
    identity_token_expires_after_seconds: configuration.identityTokenExpiresAfterSeconds,
    refresh_token_expires_after_seconds: configuration.refreshTokenExpiresAfterSeconds,
    refresh_identity_token_after_seconds: configuration.refreshIdentityTokenAfterSeconds,
    sharing_token_expiry_seconds: configuration.sharingTokenExpirySeconds,
    identity_environment: configuration.identityEnvironment,
    max_bidstream_lifetime_seconds: configuration.maxBidstreamLifetimeSeconds,
    max_sharing_lifetime_seconds: configuration.maxSharingLifetimeSeconds,
  };
  return `${JSON.stringify({ version, runtime_config: runtimeConfig }, undefined, 2)}\n`;
}
