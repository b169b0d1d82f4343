import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ServiceProcess, waitFor } from '../../src/index.ts';
import { INSPECTABLE } from './memory.ts';
import type { PublishedWorld } from './published-world.ts';

const START_DEADLINE_MS = 120_000;

/** An operator in a process of its own that reads a published world. */
export interface OperatorService {
  readonly service: ServiceProcess;
  readonly url: string;
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

export async function startOperatorService(
  world: PublishedWorld,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<OperatorService> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-soak-'));
  const configFile = join(folder, 'operator.json');
  const config = {
    http_host: '127.0.0.1',
    http_port: 0,
    metrics_port: 0,
    core_attest_url: `${world.core.url}/attest`,
    core_api_token: 'UID2-O-T-42-soak',
    optout_metadata_path: `${world.core.url}/optout/refresh`,
    optout_api_uri: `${world.core.url}/optout/replicate`,
    ...settings,
  };
  writeFileSync(configFile, JSON.stringify(config));
  const service = new ServiceProcess('operator', configFile, INSPECTABLE);
  const opened = (): string | undefined => /"url":"(http[^"]+)","msg":"Startup in/.exec(service.output)?.[1];
  await waitFor(
    () => opened() !== undefined || service.exitCode !== undefined,
    START_DEADLINE_MS,
    () => service.output,
  );
  const url = opened();
  if (url === undefined) throw new Error(`the operator ended:\n${service.output}`);
  return {
    service,
    url,
    metricsUrl: /"metrics":"(http[^"]+)"/.exec(service.output)?.[1] ?? '',
    async stop() {
      await service.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
