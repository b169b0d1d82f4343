import { join } from 'node:path';

import { Secret } from '@holdfast/base';
import { openRedis } from '@holdfast/redis';
import type { RedisStore } from '@holdfast/redis';

import { sessionStorage } from '../config.ts';
import type { StorageType, TrusteeConfig } from '../config-schema.ts';
import { RedisSessions } from '../kbs/redis-sessions.ts';
import { MemorySessions } from '../kbs/sessions.ts';
import type { Sessions, SessionsOptions } from '../kbs/sessions.ts';
import { createMemoryStore } from '../storage/key-value-store.ts';
import type { KeyValueStore, Namespace } from '../storage/key-value-store.ts';
import { createLocalFsStore } from '../storage/local-fs-store.ts';
import { createLocalJsonStore } from '../storage/local-json-store.ts';
import { createRedisStore } from '../storage/redis-store.ts';
import { readText } from './files.ts';

const REDIS_PORT = 6379;
const REDIS_TIMEOUT_MS = 5000;

/** The back ends that the configuration names. */
export interface Storage {
  open(namespace: Namespace, type: StorageType): KeyValueStore;
  sessions(options: SessionsOptions): Sessions;
  close(): void;
}

/** @throws DependencyError with the REDIS_ codes of adapters/redis, ConfigError TRUSTEE_CONFIG_INVALID */
export async function openStorage(config: TrusteeConfig): Promise<Storage> {
  const redis = await openRedisOf(config);
  return {
    open: (namespace, type) => openStore(config, redis, namespace, type),
    sessions: (options) =>
      redis !== undefined && sessionStorage(config) === 'Redis'
        ? new RedisSessions(redis, options)
        : new MemorySessions(options),
    close: () => redis?.close(),
  };
}

/** The connection to Redis, when anything is kept there. */
async function openRedisOf(config: TrusteeConfig): Promise<RedisStore | undefined> {
  const { storage_backend: storage, attestation_service: service, holdfast } = config;
  const types = [storage.storage_type, service.storage_type, service.rvps_config.storage_type, sessionStorage(config)];
  if (storage.backends.redis === undefined || !types.includes('Redis')) return undefined;
  const { protocol, hostname, port, username, password, pathname } = new URL(storage.backends.redis.url);
  const ca = holdfast.redis_ca_file === undefined ? undefined : await readText(holdfast.redis_ca_file);
  return await openRedis({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? REDIS_PORT : Number(port),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    password: new Secret(decodeURIComponent(password)),
    database: Number(pathname.slice(1)),
    ...(protocol === 'rediss:' ? { tls: ca === undefined ? true : { ca } } : {}),
    timeoutMs: REDIS_TIMEOUT_MS,
  });
}

function openStore(
  config: TrusteeConfig,
  redis: RedisStore | undefined,
  namespace: Namespace,
  type: StorageType,
): KeyValueStore {
  if (type === 'Redis' && redis !== undefined) return createRedisStore(redis, namespace);
  const { local_fs: localFs, local_json: localJson } = config.storage_backend.backends;
  if (type === 'LocalFs' && localFs !== undefined) return createLocalFsStore(join(localFs.dir_path, namespace));
  if (type === 'LocalJson' && localJson !== undefined) {
    return createLocalJsonStore(join(localJson.file_dir_path, namespace));
  }
  return createMemoryStore();
}
