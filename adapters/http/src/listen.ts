import { createServer } from 'node:net';

import { DependencyError, errorMessage } from '@holdfast/base';
import type { FastifyInstance } from 'fastify';

export interface ListenAddress {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  /** Lets listeners of other threads share the port: the kernel spreads connections among them. Linux. */
  readonly shared?: boolean;
}

/**
 * Opens the listener and answers its URL without a trailing slash. A wildcard host is shown as 127.0.0.1.
 * @throws DependencyError LISTEN_FAILED when the port is taken or may not be opened
 */
export async function listen(app: FastifyInstance, address: ListenAddress): Promise<string> {
  try {
    await app.listen({
      port: address.port,
      host: address.host,
      ...(address.shared === true ? { reusePort: true } : {}),
    });
  } catch (cause) {
    throw listenFailed(address, cause);
  }
  const bound = app.server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  const scheme = 'setSecureContext' in app.server ? 'https' : 'http';
  const host = address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host;
  return `${scheme}://${host}:${port}`;
}

/**
 * Makes sure that nobody listens on the port, not even somebody who would share it.
 * @throws DependencyError LISTEN_FAILED
 */
export async function claimPort(address: ListenAddress): Promise<void> {
  if (address.port === 0) return;
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: address.port, host: address.host, exclusive: true }, resolve);
    });
  } catch (cause) {
    throw listenFailed(address, cause);
  }
  await new Promise((resolve) => server.close(resolve));
}

function listenFailed(address: ListenAddress, cause: unknown): DependencyError {
  const code = (cause as NodeJS.ErrnoException).code;
  const problem =
    code === 'EADDRINUSE'
      ? `port ${address.port} on ${address.host} is already in use`
      : `cannot listen on ${address.host}:${address.port}: ${errorMessage(cause)}`;
  return new DependencyError('LISTEN_FAILED', problem, {
    retryable: false,
    cause,
    details: { port: address.port, host: address.host },
    action: 'Stop the program that uses the port, or choose another port.',
  });
}
