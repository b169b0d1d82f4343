import { DependencyError, errorMessage } from '@holdfast/base';
import type { Secret } from '@holdfast/base';
import { Redis } from 'ioredis';

export interface RedisOptions {
  readonly host: string;
  readonly port: number;
  /** The default user when missing. */
  readonly username?: string;
  /** Without one, or with an empty one, nobody authenticates. */
  readonly password?: Secret;
  /** Number of the logical database; 0 when missing. */
  readonly database?: number;
  /** PEM certificates of the server's authority, or `true` for those of the system; plain TCP when missing. */
  readonly tls?: true | { readonly ca: string };
  /** Limit of connecting and of each command, milliseconds. */
  readonly timeoutMs: number;
}

/** A connection to Redis. Every method throws DependencyError REDIS_UNREACHABLE, REDIS_ACCESS_DENIED or REDIS_COMMAND_FAILED. */
export interface RedisStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
  /** Sets a value only when there is none, in one step. Answers whether it was set. */
  setIfMissing(key: string, value: string): Promise<boolean>;
  /** Adds one to a number, which begins at 0; answers the new one. */
  increment(key: string): Promise<number>;
  /** The text of a field of a hash. */
  hashGet(key: string, field: string): Promise<string | undefined>;
  hashSet(key: string, field: string, value: string): Promise<void>;
  /** Answers whether there was such a field. */
  hashDelete(key: string, field: string): Promise<boolean>;
  hashFields(key: string): Promise<readonly string[]>;
  /**
   * Runs a Lua script, which nothing else interrupts. Only its own keys belong into `keys`.
   * @returns what the script returns: numbers, texts, null, or lists of them
   */
  evaluate(script: string, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown>;
  close(): void;
}

/**
 * Connects and proves it with a PING. A connection that breaks later is made again by itself; commands in between fail instead
 * of waiting.
 * @throws DependencyError REDIS_UNREACHABLE, REDIS_ACCESS_DENIED
 */
export async function openRedis(options: RedisOptions): Promise<RedisStore> {
  const { host, port, username, password, database, tls, timeoutMs } = options;
  const client = new Redis({
    host,
    port,
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(database === undefined ? {} : { db: database }),
    ...(tls === undefined ? {} : { tls: tls === true ? {} : { ca: tls.ca } }),
  });
  const where = `${host}:${port}`;
  let lastProblem: unknown;
  // Without a listener a lost connection would end the process.
  client.on('error', (error: unknown) => {
    lastProblem = error;
  });
  const run = async <T>(command: () => Promise<T>): Promise<T> => {
    try {
      return await command();
    } catch (error) {
      throw redisError(error, lastProblem, where);
    }
  };
  try {
    await run(async () => {
      await client.connect();
      await client.ping();
    });
  } catch (error) {
    client.disconnect();
    throw error;
  }
  return {
    get: (key) => run(async () => (await client.get(key)) ?? undefined),
    set: (key, value) => run(async () => void (await client.set(key, value))),
    setIfMissing: (key, value) => run(async () => (await client.set(key, value, 'NX')) === 'OK'),
    increment: (key) => run(() => client.incr(key)),
    hashGet: (key, field) => run(async () => (await client.hget(key, field)) ?? undefined),
    hashSet: (key, field, value) => run(async () => void (await client.hset(key, field, value))),
    hashDelete: (key, field) => run(async () => (await client.hdel(key, field)) > 0),
    hashFields: (key) => run(() => client.hkeys(key)),
    evaluate: (script, keys, values) => run(() => client.eval(script, keys.length, ...keys, ...values)),
    close: () => client.disconnect(),
  };
}

function redisError(error: unknown, lastProblem: unknown, where: string): DependencyError {
  const message = errorMessage(error);
  const reply = /^(?:WRONGPASS|NOAUTH|NOPERM|ERR invalid password|ERR Client sent AUTH)/;
  if (reply.test(message) || reply.test(errorMessage(lastProblem ?? ''))) {
    return new DependencyError('REDIS_ACCESS_DENIED', `Redis at ${where} refuses the password`, {
      retryable: false,
      cause: error,
    });
  }
  const isReply = error instanceof Error && error.name === 'ReplyError';
  if (isReply) {
    return new DependencyError('REDIS_COMMAND_FAILED', `Redis at ${where} says: ${message}`, {
      retryable: false,
      cause: error,
    });
  }
  const reason = lastProblem === undefined ? message : errorMessage(lastProblem);
  return new DependencyError('REDIS_UNREACHABLE', `Redis at ${where} cannot be reached: ${reason}`, {
    retryable: true,
    cause: error,
  });
}
