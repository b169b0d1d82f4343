import { DependencyError, errorMessage } from '@holdfast/base';
import type { FastifyInstance } from 'fastify';

export interface ListenAddress {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
}

/**
 * Opens the listener and answers its URL without a trailing slash. A wildcard host is shown as 127.0.0.1.
 * @throws DependencyError LISTEN_FAILED when the port is taken or may not be opened
 */
export async function listen(app: FastifyInstance, address: ListenAddress): Promise<string> {
  try {
    await app.listen({ port: address.port, host: address.host });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const problem =
      code === 'EADDRINUSE'
        ? `port ${address.port} on ${address.host} is already in use`
        : `cannot listen on ${address.host}:${address.port}: ${errorMessage(cause)}`;
    throw new DependencyError('LISTEN_FAILED', problem, {
      retryable: false,
      cause,
      details: { port: address.port, host: address.host },
      action: 'Stop the program that uses the port, or choose another port.',
    });
  }
  const bound = app.server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  const scheme = 'setSecureContext' in app.server ? 'https' : 'http';
  const host = address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host;
  return `${scheme}://${host}:${port}`;
}
