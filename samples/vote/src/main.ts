import { readFile } from 'node:fs/promises';

import { listen } from '@holdfast/http';
import type { RunningService, StartService } from '@holdfast/process';
import { openRedis } from '@holdfast/redis';

import { buildApp } from './app.ts';
import { Ballot } from './ballot.ts';
import { readConfig } from './config.ts';

/** Starts the application. Without Redis it does not start at all, so that whoever runs it tries again. */
export const startVote: StartService = async (host): Promise<RunningService> => {
  const config = readConfig(host);
  const { password, tls, ...place } = config.redis;
  const redis = await openRedis({
    ...place,
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  });
  try {
    const ballot = new Ballot({ counters: redis, choices: config.choices, compatible: config.compatible });
    await ballot.open();
    const styles = await readFile(new URL('../web/default.css', import.meta.url), 'utf8');
    const { title, redirectAfterVote } = config;
    const app = buildApp({ ballot, title, redirectAfterVote, styles, logger: host.logger });
    const http = await listen(app, { host: config.host, port: config.port });
    return {
      addresses: { http },
      stop: async () => {
        await app.close();
        redis.close();
      },
    };
  } catch (error) {
    redis.close();
    throw error;
  }
};
