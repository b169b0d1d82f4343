import { join } from 'node:path';

import { startService } from '../../src/index.ts';
import type { ReadyFile, StartedService } from '../../src/index.ts';
import type { SeededWorld } from './world.ts';

export interface PublicOperatorOptions {
  /** Names the configuration file in `folder`. */
  readonly name: string;
  readonly folder: string;
  /** This one and the next are free. */
  readonly port: number;
  readonly seeded: SeededWorld;
  readonly ready: ReadyFile;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A public operator at the Core and Opt-Out of a running local cloud. It attests as trusted. */
export async function startPublicOperator(
  options: PublicOperatorOptions,
): Promise<StartedService & { readonly url: string }> {
  const { name, folder, port, seeded, ready } = options;
  const url = `http://127.0.0.1:${port}`;
  const service = await startService({
    service: 'operator',
    configFile: join(folder, `${name}.json`),
    settings: {
      operator_type: 'public',
      core_api_token: seeded.publicOperatorKey,
      core_attest_url: `${ready.core.url}/attest`,
      optout_metadata_path: '/optout/refresh',
      optout_api_uri: '/optout/replicate',
      optout_s3_folder: 'optout/',
      http_host: '127.0.0.1',
      http_port: port,
      metrics_port: port + 1,
      cloud_refresh_interval: 2,
      ...options.settings,
    },
    healthUrl: `${url}/ops/healthcheck`,
  });
  return { url, stop: () => service.stop() };
}
