import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { RedisCacheState } from '../../src/arm/index.ts';
import { openCertificateAuthority } from '../../src/azure/index.ts';
import type { CertificateAuthority } from '../../src/azure/index.ts';
import { necessaryEnvironment } from '../../src/process/managed-process.ts';
import { RedisServers } from '../../src/redis/index.ts';
import { redisCommands } from '../../src/redis/redis-commands.ts';
import { waitFor } from '../../testing/index.ts';

/** Set by `npm run test:redis`. */
const program = process.env['HOLDFAST_REDIS_SERVER'];
const cache: RedisCacheState = {
  id: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/redis/Votes',
  name: 'Votes',
  hostName: 'votes.redis.cache.windows.net',
  nonSslPort: true,
  primaryKey: 'first-key+/=',
  secondaryKey: 'second-key',
};

let folder: string;
let authority: CertificateAuthority;
const notices: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-servers-'));
  authority = await openCertificateAuthority(join(folder, 'ca'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function open(server = program): RedisServers {
  return new RedisServers({
    program: server,
    folder: join(folder, 'redis'),
    logsFolder: join(folder, 'logs'),
    network: `127.${200 + (process.pid % 50)}.3`,
    environment: necessaryEnvironment(process.env),
    authority,
    onNotice: (text) => notices.push(text),
  });
}

function addressOf(servers: RedisServers): string {
  return servers.places(() => true)[`${cache.hostName}:6380`]?.split(':')[0] ?? '';
}

function ask(servers: RedisServers, key: string, ...commands: readonly (readonly string[])[]) {
  const place = { host: addressOf(servers), port: 6380, serverName: cache.hostName, ca: authority.caPem };
  return redisCommands(place, [['AUTH', key], ...commands], 5000);
}

describe('where names of caches lead', () => {
  it('is nowhere for those that cannot be reached or do not exist', () => {
    expect(open().places(() => true)).toEqual({
      '*.redis.cache.windows.net:6379': '127.0.0.1:9',
      '*.redis.cache.windows.net:6380': '127.0.0.1:9',
    });
  });
});

describe('without redis-server on the machine', () => {
  it('whoever connects is told what is missing', async () => {
    const servers = new RedisServers({
      program: undefined,
      folder: join(folder, 'none'),
      logsFolder: join(folder, 'logs'),
      network: `127.${200 + (process.pid % 50)}.4`,
      environment: {},
      authority,
      onNotice: (text) => notices.push(text),
    });
    try {
      await servers.put(cache);
      await expect(ask(servers, 'any')).rejects.toMatchObject({
        code: 'REDIS_SERVER_FAILED',
        message: expect.stringContaining('apt install redis-server') as string,
      });
      expect(notices.at(-1)).toMatch(/Votes has no data plane.*apt install redis-server/);
    } finally {
      await servers.stop();
    }
  });
});

describe.skipIf(program === undefined)('a cache with a real redis-server', () => {
  it('takes both keys and no other, on both ports, and keeps what is written over a restart', async () => {
    let servers = open();
    await servers.put(cache);
    expect(await ask(servers, cache.primaryKey, ['SET', 'Cats', '7'])).toEqual(['+OK', '+OK']);
    expect(await ask(servers, cache.secondaryKey, ['INCR', 'Cats'])).toEqual(['+OK', ':8']);
    await expect(ask(servers, 'wrong')).rejects.toThrow(/WRONGPASS/);
    expect(await plainAnswer(addressOf(servers))).toMatch(/^-NOAUTH/);
    await servers.stop();
    servers = open();
    await servers.put(cache);
    expect(await ask(servers, cache.primaryKey, ['INCR', 'Cats'])).toEqual(['+OK', ':9']);
    await servers.stop();
  });

  it('gets new keys without a restart, and then refuses the old one', async () => {
    const servers = open();
    await servers.put(cache);
    await servers.put({ ...cache, primaryKey: 'new-key' });
    expect(await ask(servers, 'new-key', ['PING'])).toEqual(['+OK', '+PONG']);
    expect(await ask(servers, cache.secondaryKey, ['PING'])).toEqual(['+OK', '+PONG']);
    await expect(ask(servers, cache.primaryKey)).rejects.toThrow(/WRONGPASS/);
    await servers.stop();
  });

  it('keeps from its users what Azure keeps from them', async () => {
    const servers = open();
    await servers.put(cache);
    for (const command of [['CONFIG', 'GET', 'dir'], ['SHUTDOWN'], ['ACL', 'LIST']]) {
      await expect(ask(servers, cache.primaryKey, command)).rejects.toThrow(/NOPERM/);
    }
    await servers.stop();
  });

  it('has no port without TLS unless the cache has it', async () => {
    const servers = open();
    await servers.put({ ...cache, nonSslPort: false });
    expect(await ask(servers, cache.primaryKey, ['PING'])).toEqual(['+OK', '+PONG']);
    await expect(plainAnswer(addressOf(servers))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await servers.put(cache);
    expect(await plainAnswer(addressOf(servers))).toMatch(/^-NOAUTH/);
    await servers.stop();
  });

  it('forgets everything when the cache is removed', async () => {
    const servers = open();
    await servers.put(cache);
    await ask(servers, cache.primaryKey, ['SET', 'Cats', '7']);
    await servers.remove(cache.id);
    await servers.put(cache);
    expect(await ask(servers, cache.primaryKey, ['INCR', 'Cats'])).toEqual(['+OK', ':1']);
    await servers.stop();
  });

  it('ends with whoever runs it, also when that is killed', async () => {
    const holder = fileURLToPath(new URL('redis-holder.ts', import.meta.url));
    const network = `127.${200 + (process.pid % 50)}.5`;
    const child = spawn(process.execPath, [holder, join(folder, 'held'), network, program ?? ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const host = line.toString().split(':')[0] ?? '';
    expect(await plainAnswer(host)).toMatch(/^-NOAUTH/);
    child.kill('SIGKILL');
    await waitFor(
      async () =>
        plainAnswer(host).then(
          () => false,
          () => true,
        ),
      60_000,
      () => 'redis-server still answers',
    );
  });

  it('is started again when it ends by itself, with what was in it', async () => {
    const servers = open();
    await servers.put(cache);
    await ask(servers, cache.primaryKey, ['SET', 'Dogs', '3']);
    const pid = await pidOf(servers);
    process.kill(pid, 'SIGKILL');
    await waitFor(
      async () =>
        ask(servers, cache.primaryKey, ['INCR', 'Dogs']).then(
          ([, answer]) => answer === ':4',
          () => false,
        ),
      60_000,
      () => notices.join('\n'),
    );
    expect(notices.at(-1)).toMatch(/redis-server of votes.* ended with .*; it is started again/);
    await servers.stop();
  });

  it('is started by one only, however often that fails', async () => {
    const [wrapper, broken] = [join(folder, 'redis-server'), join(folder, 'broken')];
    await writeFile(wrapper, `#!/bin/sh\n[ -e '${broken}' ] && exit 1\nexec '${program}' "$@"\n`, { mode: 0o755 });
    const servers = open(wrapper);
    await servers.put(cache);
    await ask(servers, cache.primaryKey, ['SET', 'Dogs', '3']);
    const told = notices.length;
    await writeFile(broken, '');
    process.kill(await pidOf(servers), 'SIGKILL');
    await waitFor(
      async () => Promise.resolve(notices.length >= told + 3), // its end, and two starts that failed
      60_000,
      () => notices.join('\n'),
    );
    await rm(broken);
    await waitFor(
      async () =>
        ask(servers, cache.primaryKey, ['GET', 'Dogs']).then(
          () => true,
          () => false,
        ),
      60_000,
      () => notices.join('\n'),
    );
    expect(notices.slice(told).filter((text) => text.endsWith('it is started again'))).toHaveLength(1);
    await servers.stop();
  });

  it('has no key in its files, its log or a process list', async () => {
    const servers = open();
    await servers.put(cache);
    const [name = ''] = readdirSync(join(folder, 'redis'));
    const texts = [
      await readFile(join(folder, 'redis', name, 'redis.conf'), 'utf8'),
      await readFile(join(folder, 'logs', 'redis-votes.log'), 'utf8'),
    ];
    const processes = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout;
    for (const text of [...texts, processes]) expect(text).not.toContain('first-key');
    await servers.stop();
  });
});

/** The process that listens on the port of the cache. */
async function pidOf(servers: RedisServers): Promise<number> {
  const [name = ''] = readdirSync(join(folder, 'redis'));
  const log = await readFile(join(folder, 'logs', 'redis-votes.log'), 'utf8');
  expect([name, addressOf(servers)]).not.toContain('');
  const pids = [...log.matchAll(/^(\d+):M /gm)].map(([, pid]) => Number(pid));
  return pids.at(-1) ?? 0;
}

/** What an unauthenticated PING on port 6379 is answered. */
function plainAnswer(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 6379 }, () => socket.write('*1\r\n$4\r\nPING\r\n'));
    socket.once('error', reject);
    socket.once('data', (chunk: Buffer) => {
      socket.destroy();
      resolve(chunk.toString());
    });
  });
}
