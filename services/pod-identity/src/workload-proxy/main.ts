import { readFile } from 'node:fs/promises';

import { listen } from '@holdfast/http';
import type { RunningService, StartService } from '@holdfast/process';

import { buildApp } from '../app.ts';
import { createOutbound } from '../tokens/outbound.ts';
import { readWorkloadProxyConfig } from './config.ts';
import { createTokenExchange } from './exchange.ts';
import { createWorkloadProxy } from './server.ts';

/** Requests of one pod that may wait at the same time. */
const MAX_WAITING = 256;

/** Starts the proxy of a migrated pod, on the loopback address. */
export const startWorkloadProxy: StartService = async (host): Promise<RunningService> => {
  const config = readWorkloadProxyConfig(host);
  const ca = config.authority_ca_file === undefined ? undefined : await readFile(config.authority_ca_file, 'utf8');
  const outbound = createOutbound({ timeoutMs: config['metadata-timeout-ms'], ...(ca === undefined ? {} : { ca }) });
  const { send } = outbound;
  const server = createWorkloadProxy({
    clientId: config.AZURE_CLIENT_ID ?? '',
    metadataHeaderRequired: config['metadata-header-required'],
    exchange: createTokenExchange({
      authorityHost: config.AZURE_AUTHORITY_HOST,
      tenantId: config.AZURE_TENANT_ID,
      tokenFile: config.AZURE_FEDERATED_TOKEN_FILE ?? '',
      send,
      clock: Date.now,
    }),
    metadataOrigin: `http://${config['metadata-ip']}:${config['metadata-port']}`,
    send,
    clock: Date.now,
  });
  const app = buildApp({
    server,
    events: { failed: (reason) => host.logger.error({ reason }, 'request failed') },
    jsonErrors: false,
    maxWaitingPerPod: MAX_WAITING,
  });
  const proxy = await listen(app, { host: '127.0.0.1', port: config['proxy-port'] });
  return {
    addresses: { proxy },
    stop: async () => {
      await app.close();
      await outbound.close();
    },
  };
};
