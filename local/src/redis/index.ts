export { findRedisServer, REDIS_SERVER_MISSING } from './find-redis-server.ts';
export { RedisServers } from './redis-servers.ts';
export type { RedisServersOptions } from './redis-servers.ts';
