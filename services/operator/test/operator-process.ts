import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as realTime } from 'node:timers/promises';

import type { PlatformError } from '@holdfast/base';
import { FakeCore, VirtualTime } from '@holdfast/core-client/testing';
import { createLogger } from '@holdfast/process';
import { encodeDeltaFile } from '@holdfast/uid2';

import { startOperatorWith } from '../src/main.ts';
import type { LifecycleParts } from '../src/lifecycle/operator-lifecycle.ts';
import type { RunningOperator } from '../src/main.ts';
import { keyset, keysetKey, publishOptOutFiles, publishRuntimeConfig, publishStore } from '../testing/index.ts';

const HOUR = 3_600_000;
/** Less than a test may take, so that what fails says what did not come true. */
const UNTIL_DEADLINE_MS = 40_000;
const SALT = 'vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnss=';
export const DELTA = '/optout/delta/2026-01-01/optout-delta-000_2026-01-01T00.00.00Z_00000001.dat';

/** A whole operator between a fake Core and virtual time. */
export class OperatorProcess {
  readonly time = new VirtualTime();
  readonly failures: PlatformError[] = [];
  readonly log: string[] = [];
  readonly core: FakeCore;
  #running: RunningOperator | undefined;

  private constructor(core: FakeCore) {
    this.core = core;
    core.expiresAtMs = this.time.now() + 48 * HOUR;
    core.extras = { optout_url: core.url };
    publishWorld(core, this.time.now());
  }

  static async create(): Promise<OperatorProcess> {
    return new OperatorProcess(await FakeCore.start());
  }

  get running(): RunningOperator {
    if (this.#running === undefined) throw new Error('the operator was not started');
    return this.#running;
  }

  /** Whether the service port is open. */
  get listening(): boolean {
    return this.running.addresses['http'] !== undefined;
  }

  async start(env: Record<string, string> = {}, parts: Partial<LifecycleParts> = {}): Promise<void> {
    const write = (line: string): void => {
      this.log.push(line);
    };
    this.#running = await startOperatorWith(
      {
        env: {
          http_host: '127.0.0.1',
          http_port: '0',
          metrics_port: '0',
          service_instances: '1', // other threads do not live in virtual time
          core_attest_url: `${this.core.url}/attest`,
          core_api_token: 'UID2-O-L-42-canary-key',
          ...env,
        },
        configFile: undefined,
        logger: createLogger({ name: 'operator', destination: { write } }),
        fail: (error) => this.failures.push(error as PlatformError),
      },
      { timers: this.time, random: (length) => randomBytes(length), ...parts },
    );
  }

  /** Starts and waits until it serves. */
  async startServing(env: Record<string, string> = {}): Promise<void> {
    await this.start(env);
    await this.until(() => this.listening);
  }

  async until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + UNTIL_DEADLINE_MS;
    while (Date.now() < deadline) {
      if (condition()) return;
      await realTime(2);
    }
    throw new Error(`this did not come true: ${String(condition)}\n${this.log.slice(-5).join('')}`);
  }

  /** Moves time; after each due action waits until the sockets it used are quiet. */
  async advance(ms: number): Promise<void> {
    await this.time.advance(ms, () => this.#quiet());
  }

  async get(path: string, listener: 'http' | 'metrics' = 'http'): Promise<{ status: number; body: string }> {
    const response = await fetch(`${this.running.addresses[listener]}${path}`);
    return { status: response.status, body: await response.text() };
  }

  async status(listener: 'http' | 'metrics' = 'http'): Promise<Record<string, unknown>> {
    return JSON.parse((await this.get('/ops/status', listener)).body) as Record<string, unknown>;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    await this.core.stop();
  }

  async #quiet(): Promise<void> {
    let seen = -1;
    while (seen !== this.core.requests.length) {
      seen = this.core.requests.length;
      await realTime(4);
      // A loaded machine may stop this process for longer than that; sockets get their turns all the same.
      for (let turn = 0; turn < 20; turn++) await nextTurn();
    }
  }
}

/** Everything a private operator reads, small. */
function publishWorld(core: FakeCore, nowMs: number): void {
  publishStore(core, '/clients/refresh', 'client_keys', []);
  publishStore(core, '/key/keyset/refresh', 'keysets', [-1, -2, 2].map(keyset));
  const keys = [-1, -2, 2].map((keysetId, index) => keysetKey(index + 1, keysetId, SALT));
  publishStore(core, '/key/keyset-keys/refresh', 'keyset_keys', keys);
  publishSalts(core, nowMs + 48 * HOUR, nowMs);
  publishRuntimeConfig(core);
  publishOptOutFiles(core, [DELTA]);
  core.bytes(DELTA, encodeDeltaFile({ windowStart: 1, windowEnd: 2, records: [] }));
}

export function publishSalts(core: FakeCore, expires: number, nowMs: number, version = 1): void {
  core.json('/salt/refresh', {
    version,
    generated: 1,
    first_level: 'first',
    id_prefix: 'b',
    id_secret: SALT,
    salts: [{ effective: nowMs - HOUR, expires, location: `${core.url}/files/salts`, size: 2 }],
  });
  const line = (id: number): string => `${id},${nowMs - HOUR},${SALT},${nowMs + HOUR},,,,,,,`;
  core.bytes('/files/salts', `${line(1)}\n${line(2)}\n`);
}
