import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import type { CertificateAuthority } from '../azure/index.ts';
import { REDIS_SERVER_MISSING } from './find-redis-server.ts';
import { PLAIN_PORT, TLS_PORT } from './redis-server.ts';
import type { RedisSettings } from './redis-server.ts';

const IDLE_MS = 10_000;

/** Stands where a cache would answer, and tells every client in the protocol of Redis what this machine lacks. */
export class MissingRedis {
  readonly #servers: readonly Server[];
  readonly #sockets: Set<Socket>;

  private constructor(servers: readonly Server[], sockets: Set<Socket>) {
    this.#servers = servers;
    this.#sockets = sockets;
  }

  static async start(
    address: string,
    settings: Pick<RedisSettings, 'hostName' | 'nonSslPort'>,
    authority: Pick<CertificateAuthority, 'issueServerCertificate'>,
  ): Promise<MissingRedis> {
    const sockets = new Set<Socket>();
    const answer = (socket: Socket): void => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      // Clients may go as they like.
      socket.on('error', () => undefined);
      socket.setTimeout(IDLE_MS, () => socket.destroy());
      socket.on('data', (chunk: Buffer) => {
        // One answer for each command: clients send several at once.
        const commands = chunk.toString('latin1').match(/(?:^|\n)\*\d+\r/g)?.length ?? 1;
        socket.write(`-ERR ${REDIS_SERVER_MISSING}\r\n`.repeat(commands));
      });
    };
    const { keyPem, certificatePem } = await authority.issueServerCertificate({ hosts: [settings.hostName] });
    const tls = createTlsServer({ key: keyPem, cert: certificatePem }, answer);
    const places = [
      { server: tls as Server, port: TLS_PORT },
      ...(settings.nonSslPort ? [{ server: createServer(answer), port: PLAIN_PORT }] : []),
    ];
    const missing = new MissingRedis(
      places.map(({ server }) => server),
      sockets,
    );
    try {
      for (const { server, port } of places) await listenAt(server, address, port);
      return missing;
    } catch (error) {
      await missing.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  kill(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function listenAt(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
}
