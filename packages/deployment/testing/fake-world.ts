import type { EngineEvent, EnginePorts, HttpPort, StatePort } from '../src/engine/ports.ts';
import { FakeAzure } from './fake-azure.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCluster } from './fake-cluster.ts';
import { FakeRequests } from './fake-requests.ts';

/** State files in memory. They belong to the machine: a process that is killed leaves them. */
export class FakeState implements StatePort {
  readonly files = new Map<string, string>();
  readonly #requests: FakeRequests;

  constructor(requests: FakeRequests) {
    this.#requests = requests;
  }

  async read(name: string): Promise<string | undefined> {
    return this.files.get(name);
  }

  async write(name: string, text: string): Promise<void> {
    this.#requests.assertAlive();
    this.files.set(name, text);
  }

  async append(name: string, line: string): Promise<void> {
    this.#requests.assertAlive();
    this.files.set(name, `${this.files.get(name) ?? ''}${line}\n`);
  }

  async remove(name: string): Promise<void> {
    this.#requests.assertAlive();
    this.files.delete(name);
  }

  async list(folder: string): Promise<readonly string[]> {
    return [...this.files.keys()].filter((name) => name.startsWith(`${folder}/`));
  }
}

/** A whole world for the engine: a subscription, the cluster in it, files, virtual time, and a log of every request. */
export interface FakeWorld {
  readonly requests: FakeRequests;
  readonly clock: FakeClock;
  readonly azure: FakeAzure;
  readonly cluster: FakeCluster;
  readonly state: FakeState;
  readonly events: EngineEvent[];
  /** What health checks answer; by default 200 `OK` once the workload is ready. */
  health: () => { readonly status: number; readonly body: string };
  readonly ports: EnginePorts;
}

export function fakeWorld(subscriptionId = '12345678-0000-0000-0000-000000000001'): FakeWorld {
  const requests = new FakeRequests();
  const clock = new FakeClock();
  const azure = new FakeAzure(requests, clock, subscriptionId);
  const cluster = new FakeCluster(requests, clock);
  const state = new FakeState(requests);
  const events: EngineEvent[] = [];
  const http: HttpPort = {
    get: (url, { signal }) => requests.run({ verb: 'GET', target: url, write: false }, () => world.health(), signal),
  };
  let random = 0;
  const world: FakeWorld = {
    requests,
    clock,
    azure,
    cluster,
    state,
    events,
    health: () => ({ status: 200, body: 'OK' }),
    ports: {
      arm: azure.arm,
      vault: azure.vault,
      openCluster: async () => cluster.port,
      http,
      state,
      clock: clock.now,
      sleep: clock.sleep,
      randomBytes: (length) => Uint8Array.from({ length }, () => (random += 1) % 256),
      onEvent: (event) => {
        events.push(event);
      },
    },
  };
  return world;
}
