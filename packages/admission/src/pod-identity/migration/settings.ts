import { RequestError } from '@holdfast/base';

export const MIGRATION_RELEASE = 'v1.6.0';
const IMAGES = 'mcr.microsoft.com/oss/azure/workload-identity';

/** How a workload is taken to workload identity. */
export interface MigrationSettings {
  /**
   * `sidecar`: the proxy answers for the metadata service, and nothing in the application changes; `native`: the application's
   * SDK finds the token file by itself.
   */
  readonly path: 'sidecar' | 'native';
  readonly proxyPort: number;
  readonly tokenExpirationSeconds: number;
  /** Tenant of the identities; the webhook's own when missing. */
  readonly tenantId?: string;
  /** Issuer of the cluster's service account tokens; files say where to put it when missing. */
  readonly issuer?: string;
  /** Release of the proxy images. */
  readonly release: string;
}

export const defaultMigrationSettings: MigrationSettings = {
  path: 'sidecar',
  proxyPort: 8000,
  tokenExpirationSeconds: 3600,
  release: MIGRATION_RELEASE,
};

/** Images of the proxy without their tags. */
export const proxyImages = { proxy: `${IMAGES}/proxy`, init: `${IMAGES}/proxy-init` } as const;

const SHORTEST_SECONDS = 3600;
const LONGEST_SECONDS = 86_400;
const UNITS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/**
 * Reads the lifetime of the service account tokens, such as `1h` or `90m0s` as Go writes durations, in seconds.
 * @throws RequestError TOKEN_EXPIRATION_INVALID outside one hour to one day, or for another text
 */
export function parseTokenExpiration(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined) throw invalid(`"${text}" is no duration`);
  if (seconds < SHORTEST_SECONDS) throw invalid('must be greater than or equal to 1h0m0s');
  if (seconds > LONGEST_SECONDS) throw invalid('must be less than or equal to 24h0m0s');
  return Math.floor(seconds);
}

function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,12}(?:\.\d{1,9})?(?:h|ms|us|µs|ns|m|s))+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount = '0', unit = 's'] of text.matchAll(/([\d.]+)(h|ms|us|µs|ns|m|s)/g)) {
    seconds += Number(amount) * (UNITS[unit] ?? 0);
  }
  return seconds;
}

function invalid(problem: string): RequestError {
  return new RequestError('TOKEN_EXPIRATION_INVALID', `--service-account-token-expiration ${problem}`, {
    action: 'Write a duration between 1h and 24h.',
  });
}
