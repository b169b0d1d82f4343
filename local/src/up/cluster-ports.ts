import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { DependencyError } from '@holdfast/base';
import { claimPort } from '@holdfast/http';
import { writeFileAtomic } from '@holdfast/process';

import { readIfPresent } from '../home/read-if-present.ts';
import { numberOf } from './local-names.ts';

const HOST = '127.0.0.1';
/** Below the ports that outgoing connections take. */
const FIRST = 12_000;
const COUNT = 8_000;
const TRIES = 200;

/**
 * Ports of API servers that have no fixed one. A cluster has the same port at every start: its address is that of its issuer, which
 * federated credentials name. When somebody else has taken the port, it gets another one, and `onError` is told.
 */
export class ClusterPorts {
  readonly #folder: string;
  readonly #onError: (error: unknown) => void;
  readonly #ports = new Map<string, Promise<number>>();
  /** Chosen in this run, whether somebody listens there already or not. */
  readonly #taken = new Set<number>();
  #choosing: Promise<unknown> = Promise.resolve();

  /** @param folder Must exist once a port is asked for. */
  constructor(folder: string, onError: (error: unknown) => void) {
    this.#folder = folder;
    this.#onError = onError;
  }

  /** @throws DependencyError PORT_IN_USE when no port is free */
  portOf(name: string): Promise<number> {
    const known = this.#ports.get(name);
    if (known !== undefined) return known;
    // One after the other, so that two never choose the same.
    const port = this.#choosing.then(async () => {
      const chosen = await this.#choose(name);
      this.#taken.add(chosen);
      return chosen;
    });
    this.#choosing = port.catch(() => undefined);
    this.#ports.set(name, port);
    // Asked anew by whoever comes next; this one is told.
    port.catch(() => this.#ports.delete(name));
    return port;
  }

  /** Whether a cluster has been given a port. */
  async remembers(name: string): Promise<boolean> {
    return this.#ports.has(name) || (await readIfPresent(this.#fileOf(name))) !== undefined;
  }

  /** For a cluster that is no more. */
  async forget(name: string): Promise<void> {
    const port = await this.#ports.get(name)?.catch(() => undefined);
    if (port !== undefined) this.#taken.delete(port);
    this.#ports.delete(name);
    await rm(this.#fileOf(name), { force: true });
  }

  #fileOf(name: string): string {
    return join(this.#folder, `${name}.port`);
  }

  async #choose(name: string): Promise<number> {
    const before = Number(await readIfPresent(this.#fileOf(name)));
    if (before > 0 && !this.#taken.has(before) && (await isFree(before))) return before;
    const port = await freePort(name, this.#taken);
    await writeFileAtomic(this.#fileOf(name), `${port}\n`, { mode: 0o600 });
    if (before > 0) {
      this.#onError(
        new DependencyError(
          'CLUSTER_PORT_TAKEN',
          `another program has taken port ${before} of the cluster ${name}: its API server and its issuer are at port ${port} from now on`,
          {
            retryable: false,
            details: { before, port },
            action: 'Apply the deployment of the cluster again, so that its federated credentials name the new issuer.',
          },
        ),
      );
    }
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  return claimPort({ host: HOST, port }).then(
    () => true,
    () => false,
  );
}

async function freePort(name: string, others: ReadonlySet<number>): Promise<number> {
  const first = numberOf(name, COUNT);
  for (let step = 0; step < TRIES; step += 1) {
    const port = FIRST + ((first + step) % COUNT);
    if (!others.has(port) && (await isFree(port))) return port;
  }
  throw new DependencyError('PORT_IN_USE', `no port from ${FIRST} to ${FIRST + COUNT - 1} is free for ${name}`, {
    retryable: true,
    action: 'Stop other local clouds.',
  });
}
