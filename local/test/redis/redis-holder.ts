import { openCertificateAuthority } from '../../src/azure/index.ts';
import { RedisServers } from '../../src/redis/index.ts';

/*
 * A program that runs one cache until it is killed: `node redis-holder.ts FOLDER NETWORK PROGRAM`. It prints the address of the cache.
 */
const [, , folder = '', network = '', program = ''] = process.argv;
const servers = new RedisServers({
  program,
  folder: `${folder}/redis`,
  logsFolder: `${folder}/logs`,
  network,
  environment: {},
  authority: await openCertificateAuthority(`${folder}/ca`),
  onNotice: () => undefined,
});
await servers.put({
  id: '/held',
  name: 'held',
  hostName: 'held.redis.cache.windows.net',
  nonSslPort: true,
  primaryKey: 'one',
  secondaryKey: 'two',
});
const place = servers.places(() => true)['held.redis.cache.windows.net:6379'] ?? '';
process.stdout.write(`${place}\n`);
setInterval(() => undefined, 60_000);
