import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { errorMessage } from '@holdfast/base';

import type { RedisCacheState } from '../arm/index.ts';
import type { CertificateAuthority } from '../azure/index.ts';
import { LoopbackAddresses } from '../kubernetes/controllers/index.ts';
import { BackOff } from '../virtual-node/back-off.ts';
import { REDIS_SERVER_MISSING } from './find-redis-server.ts';
import { MissingRedis } from './missing-redis.ts';
import { PLAIN_PORT, RedisServer, TLS_PORT } from './redis-server.ts';

export interface RedisServersOptions {
  /** Path of redis-server; undefined where there is none. */
  readonly program: string | undefined;
  /** For what caches keep, one folder each. */
  readonly folder: string;
  readonly logsFolder: string;
  /** First three numbers of loopback addresses. */
  readonly network: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly authority: CertificateAuthority;
  readonly onNotice: (text: string) => void;
}

interface Entry {
  readonly cache: RedisCacheState;
  readonly address: string;
  readonly server: RedisServer | MissingRedis;
}

const ZONE = 'redis.cache.windows.net';
/** Port 9 discards, and on loopback nobody listens there. */
const NOWHERE = '127.0.0.1:9';
const REVIVAL = { initialMs: 1000, maxMs: 60_000, resetAfterMs: 60_000 };

/**
 * The data planes of the caches that Azure Resource Manager knows: a redis-server each, for as long as the local cloud runs. What is in
 * them outlives it.
 */
export class RedisServers {
  readonly #options: RedisServersOptions;
  readonly #addresses: LoopbackAddresses;
  readonly #entries = new Map<string, Entry>();
  readonly #stopping = new AbortController();
  /** One thing after the other for all caches. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: RedisServersOptions) {
    this.#options = options;
    this.#addresses = new LoopbackAddresses(options.network);
  }

  /**
   * Starts what stands for a cache, or gives the one that runs its new settings. Without redis-server something answers in its place that
   * says so.
   * @throws DependencyError REDIS_SERVER_FAILED, LOOPBACK_ADDRESS_UNAVAILABLE
   */
  put(cache: RedisCacheState): Promise<void> {
    return this.#inTurn(() => this.#put(cache));
  }

  /** Ends a cache and forgets what was in it. */
  remove(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#entries.get(keyOf(id));
      this.#entries.delete(keyOf(id));
      await entry?.server.stop();
      if (entry !== undefined) await this.#addresses.giveBack(entry.address);
      await rm(this.#folderOf(id), { recursive: true, force: true });
    });
  }

  /**
   * Where the public names of caches lead inside of pods, as `PodNetwork.places` has it. Names of caches that cannot be reached, or
   * do not exist, lead nowhere: above all not to Azure.
   */
  places(isReachable: (id: string) => boolean): Readonly<Record<string, string>> {
    const places: Record<string, string> = {};
    for (const port of [PLAIN_PORT, TLS_PORT]) {
      places[`*.${ZONE}:${port}`] = NOWHERE;
      for (const { cache, address } of this.#entries.values()) {
        if (isReachable(cache.id)) places[`${cache.hostName}:${port}`] = `${address}:${port}`;
      }
    }
    return places;
  }

  /** Ends all of them; what is in them is there again at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#inTurn(async () => {
      await Promise.all([...this.#entries.values()].map(({ server }) => server.stop()));
      this.#entries.clear();
      await this.#addresses.close();
    });
  }

  kill(): void {
    this.#stopping.abort();
    for (const { server } of this.#entries.values()) server.kill();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work);
    this.#work = result.catch(() => undefined); // whoever asked for it hears of the failure
    return result;
  }

  async #put(cache: RedisCacheState): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const known = this.#entries.get(keyOf(cache.id));
    const address = known?.address ?? (await this.#addresses.take());
    if (known?.server instanceof RedisServer && known.cache.nonSslPort === cache.nonSslPort) {
      const isSame = known.cache.primaryKey === cache.primaryKey && known.cache.secondaryKey === cache.secondaryKey;
      if (!isSame) await known.server.setKeys(cache);
      this.#entries.set(keyOf(cache.id), { ...known, cache });
      return;
    }
    await known?.server.stop();
    this.#entries.delete(keyOf(cache.id));
    try {
      const server = await this.#start(cache, address);
      this.#entries.set(keyOf(cache.id), { cache, address, server });
    } catch (error) {
      await this.#addresses.giveBack(address);
      throw error;
    }
  }

  async #start(cache: RedisCacheState, address: string, backOff = new BackOff(REVIVAL)): Promise<Entry['server']> {
    const { program, environment, authority, logsFolder, onNotice } = this.#options;
    if (program === undefined) {
      onNotice(`Redis ${cache.name} has no data plane: ${REDIS_SERVER_MISSING}`);
      return MissingRedis.start(address, cache, authority);
    }
    await mkdir(logsFolder, { recursive: true });
    const begun = performance.now();
    return RedisServer.start({
      program,
      address,
      folder: this.#folderOf(cache.id),
      logFile: join(logsFolder, `redis-${cache.name.toLowerCase()}.log`),
      environment,
      authority,
      settings: cache,
      onEnd: (sentence) => {
        onNotice(`${sentence}; it is started again`);
        void this.#revive(cache.id, backOff, performance.now() - begun);
      },
    });
  }

  /** Starts a server again that has ended by itself, until that succeeds. */
  async #revive(id: string, backOff: BackOff, ranMs: number): Promise<void> {
    const { signal } = this.#stopping;
    try {
      await pause(backOff.next(ranMs), undefined, { signal });
    } catch {
      return; // everything is being stopped
    }
    try {
      await this.#inTurn(async () => {
        const entry = this.#entries.get(keyOf(id));
        // Removed meanwhile, or started anew with other settings.
        if (!(entry?.server instanceof RedisServer) || entry.server.running || signal.aborted) return;
        this.#entries.set(keyOf(id), { ...entry, server: await this.#start(entry.cache, entry.address, backOff) });
      });
    } catch (error) {
      this.#options.onNotice(errorMessage(error));
      await this.#revive(id, backOff, 0);
    }
  }

  #folderOf(id: string): string {
    const digest = createHash('sha256').update(keyOf(id)).digest('hex').slice(0, 8);
    return join(this.#options.folder, `${keyOf(id).split('/').at(-1) ?? ''}-${digest}`);
  }
}

function keyOf(id: string): string {
  return id.toLowerCase();
}
