import { connect } from 'node:tls';

import { DependencyError, errorMessage } from '@holdfast/base';

/** How the TLS port of a cache is reached. */
export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  /** The name in its certificate. */
  readonly serverName: string;
  /** PEM of the authority. */
  readonly ca: string;
}

const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Sends commands over one connection, in the protocol of Redis (RESP 2), and waits until each was answered with one line.
 * @throws DependencyError REDIS_SERVER_FAILED when there is no answer in time, or one of the answers is an error
 */
export async function redisCommands(
  place: RedisPlace,
  commands: readonly (readonly string[])[],
  timeoutMs: number,
): Promise<readonly string[]> {
  const { host, port, serverName, ca } = place;
  try {
    return await new Promise<readonly string[]>((resolve, reject) => {
      const socket = connect({ host, port, servername: serverName, ca });
      let text = '';
      const end = (act: () => void): void => {
        clearTimeout(timer);
        socket.destroy();
        act();
      };
      const timer = setTimeout(() => end(() => reject(new Error('no answer in time'))), timeoutMs);
      socket.once('secureConnect', () => socket.write(commands.map(encode).join('')));
      socket.once('error', (error) => end(() => reject(error)));
      socket.once('close', () => end(() => reject(new Error('the connection was closed'))));
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        const lines = text.split('\r\n').slice(0, -1);
        const refusal = lines.find((line) => line.startsWith('-'));
        if (refusal !== undefined) end(() => reject(new Error(refusal.slice(1))));
        else if (lines.length >= commands.length) end(() => resolve(lines));
        else if (text.length > MAX_ANSWER_BYTES) end(() => reject(new Error('the answer is too long')));
      });
    });
  } catch (cause) {
    throw new DependencyError('REDIS_SERVER_FAILED', `redis-server of ${serverName}: ${errorMessage(cause)}`, {
      retryable: true,
      cause,
    });
  }
}

function encode(command: readonly string[]): string {
  const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return `*${command.length}\r\n${parts.join('')}`;
}
