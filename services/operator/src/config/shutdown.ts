import { z } from 'zod';

import { text } from './setting-types.ts';
import type { Values } from './setting-types.ts';

const HOUR_MS = 3_600_000;

const hours = z
  .number()
  .positive()
  .max(24 * 365);

/** When the operator ends itself, and what turns its health bad before others end it. */
export const shutdown = {
  salts_expired_shutdown_hours: hours
    .default(12)
    .meta({ description: 'Hours that expired salts are served before the operator ends.' }),
  store_refresh_stale_shutdown_hours: hours
    .default(12)
    .meta({ description: 'Hours without a successful refresh of a store before the operator ends.' }),
  pod_termination_file: text
    .default('/app/pod_terminating/pod_terminating')
    .meta({ description: 'File whose presence turns health bad, so that load balancers drain.' }),
  pod_termination_check_interval: z
    .number()
    .int()
    .min(0)
    .default(3000)
    .meta({ description: 'Milliseconds between two looks for that file.' }),
};

export interface ShutdownConfig {
  readonly saltsExpiredShutdownMs: number;
  readonly storeStaleShutdownMs: number;
  readonly podTermination: { readonly file: string; readonly intervalMs: number };
}

export function shutdownConfig(settings: Values<typeof shutdown>): ShutdownConfig {
  return {
    saltsExpiredShutdownMs: settings.salts_expired_shutdown_hours * HOUR_MS,
    storeStaleShutdownMs: settings.store_refresh_stale_shutdown_hours * HOUR_MS,
    podTermination: { file: settings.pod_termination_file, intervalMs: settings.pod_termination_check_interval },
  };
}
