import { z } from 'zod';

import type { LaunchSettings } from '../lifecycle/launch-settings.ts';
import { text } from './setting-types.ts';
import type { Values } from './setting-types.ts';

/** Where opt-outs are read and written. */
export const optOuts = {
  optout_metadata_path: text.optional().meta({ description: 'URL, or path at the Opt-Out address that Core names.' }),
  optout_api_uri: text.optional().meta({ description: 'URL, or path at the Opt-Out address that Core names.' }),
  optout_s3_folder: text
    .optional()
    .meta({ description: 'Folder of the opt-out log, as it appears in the links of the list.' }),
  optout_delta_backtrack_in_days: z
    .number()
    .int()
    .min(0)
    .default(1)
    .meta({ description: 'Days before the newest partition from which deltas are read.' }),
  optout_synthetic_logs_enabled: z.boolean().default(false).meta({ description: 'Also read synthetic opt-out files.' }),
  optout_synthetic_logs_count: z.number().int().min(0).default(0).meta({ description: 'How many synthetic files.' }),
  cloud_refresh_interval: z.number().int().min(1).default(60).meta({ description: 'Seconds between opt-out syncs.' }),
  cloud_download_threads: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(8)
    .meta({ description: 'Opt-out files downloaded at once.' }),
  optout_stale_limit_seconds: z
    .number()
    .int()
    .min(1)
    .default(43_200)
    .meta({ description: 'The API stops answering when the last complete opt-out sync is older than this.' }),
};

export interface OptOutConfig {
  readonly listPath: string;
  readonly writeUri: string;
  readonly folder: string;
  readonly backtrackInDays: number;
  readonly syntheticCount: number;
  readonly intervalMs: number;
  readonly parallelDownloads: number;
  readonly staleLimitMs: number;
}

export function optOutConfig(settings: Values<typeof optOuts>, launch: LaunchSettings | undefined): OptOutConfig {
  const atOptOut = (path: string): string => (launch === undefined ? path : `${launch.optOutUrl}${path}`);
  return {
    listPath: settings.optout_metadata_path ?? atOptOut('/optout/refresh'),
    writeUri: settings.optout_api_uri ?? atOptOut('/optout/replicate'),
    folder: withSlash(settings.optout_s3_folder ?? optOutFolder(launch)),
    backtrackInDays: settings.optout_delta_backtrack_in_days,
    syntheticCount: settings.optout_synthetic_logs_enabled ? settings.optout_synthetic_logs_count : 0,
    intervalMs: settings.cloud_refresh_interval * 1000,
    parallelDownloads: settings.cloud_download_threads,
    staleLimitMs: settings.optout_stale_limit_seconds * 1000,
  };
}

function optOutFolder(launch: LaunchSettings | undefined): string {
  if (launch?.publishedServices !== true) return 'optout/';
  return launch.environment === 'prod' ? 'optout-v2/' : 'uid-optout-integ/';
}

function withSlash(folder: string): string {
  return folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
}
