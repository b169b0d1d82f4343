import { fromBase64, MalformedError, toBase64 } from '@holdfast/base';
import type { RedisStore } from '@holdfast/redis';

import { checkKey } from './key-value-store.ts';
import type { KeyValueStore, Namespace } from './key-value-store.ts';

/** One hash per namespace: names to Base64 of the values. */
export function createRedisStore(redis: RedisStore, namespace: Namespace): KeyValueStore {
  const hash = `holdfast:${namespace}`;
  return {
    get: async (key) => {
      const text = await redis.hashGet(hash, key);
      return text === undefined ? undefined : decode(text, key);
    },
    set: async (key, value) => {
      checkKey(key);
      await redis.hashSet(hash, key, toBase64(value));
    },
    delete: (key) => redis.hashDelete(hash, key),
    list: async () => [...(await redis.hashFields(hash))].sort(),
  };
}

function decode(text: string, key: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw new MalformedError('TRUSTEE_STORAGE_MALFORMED', `the value of ${key.slice(0, 100)} in Redis is no Base64`, {
      cause,
    });
  }
}
