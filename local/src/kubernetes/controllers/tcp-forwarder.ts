import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

import type { Backend } from './service-endpoints.ts';

export interface ForwarderAddress {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Whether backends see the address of the client, as behind a redirection of packets; the clients must be on loopback. */
  readonly keepsSource?: boolean;
}

const CONNECT_TIMEOUT_MS = 2000;

/**
 * Passes TCP connections on to backends in turn. Who may get new connections is asked for each of them, so it changes between
 * two connections and never within one: an established connection stays with its backend until one side ends it.
 */
export class TcpForwarder {
  readonly #server: Server;
  readonly #backends: () => readonly Backend[];
  readonly #keepsSource: boolean;
  readonly #connections = new Set<Socket>();
  #turn = 0;

  private constructor(backends: () => readonly Backend[], keepsSource: boolean) {
    this.#backends = backends;
    this.#keepsSource = keepsSource;
    // Either side may end its half first.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#accept(client));
  }

  /** @throws what listening throws: EADDRINUSE, EACCES, EADDRNOTAVAIL */
  static async open(address: ForwarderAddress, backends: () => readonly Backend[]): Promise<TcpForwarder> {
    const { host, port, keepsSource = false } = address;
    const forwarder = new TcpForwarder(backends, keepsSource);
    await new Promise<void>((resolve, reject) => {
      forwarder.#server.once('error', reject);
      forwarder.#server.listen({ host, port, exclusive: true }, resolve);
    });
    return forwarder;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#connections) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    this.#keep(client);
    const candidates = [...this.#backends()];
    this.#turn += 1;
    const first = candidates.length === 0 ? 0 : this.#turn % candidates.length;
    this.#connect(client, [...candidates.slice(first), ...candidates.slice(0, first)]);
  }

  /** The first backend that answers gets the connection: one that has just gone does not cost a request. */
  #connect(client: Socket, [backend, ...others]: readonly Backend[]): void {
    if (client.destroyed) return;
    if (backend === undefined) {
      client.resetAndDestroy();
      return;
    }
    const { remoteAddress } = client;
    const source = this.#keepsSource && remoteAddress !== undefined ? { localAddress: remoteAddress } : {};
    const upstream = connect({ host: backend.address, port: backend.port, allowHalfOpen: true, ...source });
    this.#keep(upstream);
    const next = (): void => {
      upstream.destroy();
      this.#connect(client, others);
    };
    upstream.setTimeout(CONNECT_TIMEOUT_MS, next);
    upstream.once('error', next);
    upstream.once('connect', () => {
      upstream.setTimeout(0);
      upstream.off('error', next);
      join(client, upstream);
      join(upstream, client);
      client.resume();
    });
  }

  #keep(socket: Socket): void {
    socket.setNoDelay(true);
    this.#connections.add(socket);
    // What broke is told by closing the other side.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#connections.delete(socket));
  }
}

function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.once('close', () => {
    if (from.errored !== null) to.resetAndDestroy();
    else to.end();
  });
}
