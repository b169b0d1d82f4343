import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

import { ConfigError, errorMessage, Secret } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { z } from 'zod';

export const configSchema = z.object({
  host: z.string().default('0.0.0.0').meta({ description: 'Address to listen on' }),
  port: z.int().min(0).max(65535).default(80).meta({ description: 'Port of the page; 0 any' }),
  REDIS: z.string().min(1).meta({ description: 'Host of Redis' }),
  REDIS_PWD: z.string().optional().meta({ secret: true, description: 'Password; none is sent when missing or empty' }),
  redis_port: z.int().min(1).max(65535).optional().meta({ description: 'Port of Redis; 6379, or 6380 with TLS' }),
  redis_tls: z.boolean().default(false).meta({ description: 'Speak TLS to Redis' }),
  redis_ca_file: z.string().min(1).optional().meta({ description: 'PEM certificates of Redis’ authority' }),
  redis_timeout_ms: z.int().min(100).max(60_000).default(5000).meta({ description: 'Limit of each step with Redis' }),
  TITLE: z.string().default('').meta({ description: 'Title of the page; Azure Voting App when empty' }),
  VOTE1VALUE: z.string().default('').meta({ description: 'First choice, and its key in Redis; Cats when empty' }),
  VOTE2VALUE: z.string().default('').meta({ description: 'Second choice, and its key in Redis; Dogs when empty' }),
  SHOWHOST: z.string().default('false').meta({ description: 'true shows the host name as title' }),
  redirect_after_vote: z
    .boolean()
    .default(false)
    .meta({ description: 'Answer a vote with a redirect, so that reloading the page votes no second time' }),
  compatible: z.boolean().default(false).meta({
    description: 'Count any value that is sent, and fail when a counter is missing, as the published sample does',
  }),
});

export interface VoteConfig {
  readonly host: string;
  readonly port: number;
  readonly redis: {
    readonly host: string;
    readonly port: number;
    readonly password: Secret | undefined;
    readonly tls: true | { readonly ca: string } | undefined;
    readonly timeoutMs: number;
  };
  readonly title: string;
  readonly choices: readonly [string, string];
  readonly redirectAfterVote: boolean;
  readonly compatible: boolean;
}

/**
 * Reads the configuration.
 * @throws ConfigError CONFIG_INVALID
 */
export function readConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): VoteConfig {
  const settings = loadConfig({
    schema: configSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const choices = [settings.VOTE1VALUE || 'Cats', settings.VOTE2VALUE || 'Dogs'] as const;
  const problems: string[] = [];
  if (choices[0] === choices[1]) problems.push('VOTE1VALUE, VOTE2VALUE: must differ, since they are keys in Redis');
  if (choices.includes('reset')) problems.push('VOTE1VALUE, VOTE2VALUE: reset is the value that sets both to 0');
  const tls = readTls(settings, problems);
  if (problems.length > 0) throw new ConfigError('CONFIG_INVALID', problems);
  return {
    host: settings.host,
    port: settings.port,
    redis: {
      host: settings.REDIS,
      port: settings.redis_port ?? (tls === undefined ? 6379 : 6380),
      password: settings.REDIS_PWD === undefined ? undefined : new Secret(settings.REDIS_PWD),
      tls,
      timeoutMs: settings.redis_timeout_ms,
    },
    title: settings.SHOWHOST === 'true' ? hostname() : settings.TITLE || 'Azure Voting App',
    choices,
    redirectAfterVote: settings.redirect_after_vote,
    compatible: settings.compatible,
  };
}

function readTls(settings: z.output<typeof configSchema>, problems: string[]): VoteConfig['redis']['tls'] {
  const { redis_tls: tls, redis_ca_file: file } = settings;
  if (file === undefined) return tls ? true : undefined;
  if (!tls) problems.push('redis_ca_file: set, while redis_tls is not true');
  try {
    return { ca: readFileSync(file, 'utf8') };
  } catch (error) {
    problems.push(`redis_ca_file: ${errorMessage(error)}`);
    return undefined;
  }
}
