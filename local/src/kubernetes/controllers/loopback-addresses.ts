import { createServer } from 'node:net';
import type { Server } from 'node:net';

import { DependencyError } from '@holdfast/base';

/** Where the kubelet of a node listens; on an address of a pod nobody else wants it. */
const CLAIM_PORT = 10_250;
const ADDRESSES = 250;

/**
 * Loopback addresses for pods and load balancers, one each, so that all of them can have the ports they like. An address is
 * claimed by a listener on it, so two clusters of one machine never have the same one.
 */
export class LoopbackAddresses {
  readonly #network: string;
  readonly #claims = new Map<string, Server>();
  #next = 0;

  /** @param network The first three numbers, such as `127.80.1`. */
  constructor(network: string) {
    this.#network = network;
  }

  /** @throws DependencyError LOOPBACK_ADDRESS_UNAVAILABLE when there is none left, or this machine has just one */
  async take(): Promise<string> {
    let problem: unknown;
    for (let tries = 0; tries < ADDRESSES; tries += 1) {
      const address = `${this.#network}.${(this.#next % ADDRESSES) + 1}`;
      this.#next += 1;
      if (this.#claims.has(address)) continue;
      try {
        this.#claims.set(address, await claim(address));
        return address;
      } catch (error) {
        problem = error;
      }
    }
    throw new DependencyError(
      'LOOPBACK_ADDRESS_UNAVAILABLE',
      `there is no free address in ${this.#network}.0/24 for a pod or a load balancer`,
      {
        retryable: true,
        cause: problem,
        action:
          'Stop other local clouds. The machine must let programs listen on all of 127.0.0.0/8, as Linux and Windows do.',
      },
    );
  }

  async giveBack(address: string): Promise<void> {
    const server = this.#claims.get(address);
    this.#claims.delete(address);
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  async close(): Promise<void> {
    for (const address of this.#claims.keys()) await this.giveBack(address);
  }
}

async function claim(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port: CLAIM_PORT, exclusive: true }, resolve);
  });
  server.unref();
  return server;
}
