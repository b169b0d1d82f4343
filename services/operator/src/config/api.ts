import { availableParallelism } from 'node:os';

import { z } from 'zod';

import type { OperatorSettings } from '../context.ts';
import type { Values } from './setting-types.ts';

/** What the API does, and on how many threads. */
export const api = {
  identity_scope: z
    .preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), z.enum(['uid2', 'euid']))
    .default('uid2')
    .meta({ description: 'uid2 or euid, in any case.' }),
  identity_v3: z
    .boolean()
    .default(false)
    .meta({ description: 'Make raw UIDs of 33 bytes where a salt entry has no key material.' }),
  enable_phone_support: z
    .boolean()
    .default(true)
    .meta({ description: 'Accept phone numbers in token generate and identity map.' }),
  service_instances: z.number().int().min(1).max(64).optional().meta({
    description:
      'Threads that serve the API on the one port; the number of processors when missing. Linux only, else 1.',
  }),
  map_workers: z
    .number()
    .int()
    .min(0)
    .max(256)
    .optional()
    .meta({ description: 'Threads that map large requests; the number of processors when missing, 0 for none.' }),
  enable_v2_encryption: z
    .boolean()
    .default(true)
    .meta({ description: 'false takes and returns plain JSON, for local development.' }),
  tcf_vendor_id: z
    .number()
    .int()
    .positive()
    .default(21)
    .meta({ description: 'Vendor whose consent counts, in the global vendor list of IAB Europe. EUID only.' }),
  client_side_token_generate: z.boolean().default(false).meta({
    description: 'Serve POST /v2/token/client-generate. Public operators only: Core keeps the sites from others.',
  }),
  client_side_token_generate_domain_name_check_enabled: z
    .boolean()
    .default(true)
    .meta({ description: 'Refuse origins and app names that are not the publisher’s.' }),
  client_side_token_generate_log_invalid_http_origins: z
    .boolean()
    .default(false)
    .meta({ description: 'Write refused origins and app names to the log, once an hour.' }),
  key_sharing_endpoint_provide_app_names: z
    .boolean()
    .default(false)
    .meta({ description: 'Put app names among the domain names in site_data.' }),
  validate_service_links: z
    .boolean()
    .default(false)
    .meta({ description: 'Let services map for participants that gave them a link. Public operators only.' }),
  logging_limit_max_invalid_paths_per_interval: z
    .number()
    .int()
    .min(0)
    .default(50)
    .meta({ description: 'Unknown paths that the usage statistics keep per minute.' }),
  logging_limit_max_version_buckets_per_site: z
    .number()
    .int()
    .min(4)
    .default(50)
    .meta({ description: 'Client versions per site that the usage statistics keep.' }),
  optout_status_api_enabled: z.boolean().default(true).meta({ description: 'Serve POST /v2/optout/status.' }),
  optout_status_max_request_size: z
    .number()
    .int()
    .positive()
    .default(5000)
    .meta({ description: 'Most raw UIDs in one opt-out status request.' }),
  allow_clock_skew_seconds: z
    .number()
    .int()
    .min(0)
    .default(1800)
    .meta({ description: 'Clock skew that clients are told to tolerate.' }),
};

export interface ApiConfig {
  /** Threads that serve the API; 1 serves on the thread of the lifecycle. */
  readonly serviceInstances: number;
  readonly settings: OperatorSettings;
}

export function apiConfig(settings: Values<typeof api>): ApiConfig {
  return {
    serviceInstances: settings.service_instances ?? availableParallelism(),
    settings: {
      identityScope: settings.identity_scope,
      identityV3: settings.identity_v3,
      phoneSupport: settings.enable_phone_support,
      mapWorkers: settings.map_workers ?? availableParallelism(),
      optOutStatusApiEnabled: settings.optout_status_api_enabled,
      optOutStatusMaxRequestSize: settings.optout_status_max_request_size,
      allowClockSkewSeconds: settings.allow_clock_skew_seconds,
      envelopes: settings.enable_v2_encryption,
      tcfVendorId: settings.tcf_vendor_id,
      clientSide: settings.client_side_token_generate
        ? {
            domainCheck: settings.client_side_token_generate_domain_name_check_enabled,
            logInvalidOrigins: settings.client_side_token_generate_log_invalid_http_origins,
            shareAppNames: settings.key_sharing_endpoint_provide_app_names,
          }
        : undefined,
      serviceLinks: settings.validate_service_links,
      usageLimits: {
        unknownPaths: settings.logging_limit_max_invalid_paths_per_interval,
        versionsPerSite: settings.logging_limit_max_version_buckets_per_site,
      },
    },
  };
}
