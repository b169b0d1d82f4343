export { errorCodes } from './error-codes.ts';
export { openRedis } from './redis.ts';
export type { RedisOptions, RedisStore } from './redis.ts';
