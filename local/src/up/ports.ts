import { createServer } from 'node:net';

import { DependencyError, errorMessage, RequestError } from '@holdfast/base';

/** The fixed ports of a local cloud. Managed identity and firmware endpoints take any free port. */
export interface LocalPorts {
  readonly operator: number;
  readonly metrics: number;
  readonly core: number;
  readonly optout: number;
  readonly attestation: number;
  readonly authority: number;
  readonly vault: number;
  readonly virtualNode: number;
  readonly sidecar: number;
  readonly arm: number;
  readonly kubernetes: number;
}

const DEFAULT_PORTS: LocalPorts = {
  operator: 8080,
  metrics: 9080,
  core: 8088,
  optout: 8081,
  attestation: 8445,
  authority: 8443,
  vault: 8444,
  virtualNode: 8090,
  sidecar: 9000,
  arm: 8446,
  kubernetes: 8447,
};

const IN_ORDER = [
  'operator',
  'metrics',
  'core',
  'optout',
  'attestation',
  'authority',
  'vault',
  'virtualNode',
  'sidecar',
  'arm',
  'kubernetes',
] as const satisfies readonly (keyof LocalPorts)[];

const MAX_BASE = 65_535 - IN_ORDER.length + 1;

/**
 * The default ports, or eleven ports in a row from `base`.
 * @throws RequestError PORT_BASE_INVALID
 */
export function localPorts(base: number | undefined): LocalPorts {
  if (base === undefined) return DEFAULT_PORTS;
  if (!Number.isInteger(base) || base < 1 || base > MAX_BASE) {
    throw new RequestError('PORT_BASE_INVALID', `${base} cannot be the first of ${IN_ORDER.length} ports`, {
      action: `Give --port-base (or HOLDFAST_PORT_BASE) a number from 1 to ${MAX_BASE}.`,
    });
  }
  return Object.fromEntries(IN_ORDER.map((name, index) => [name, base + index])) as unknown as LocalPorts;
}

/**
 * Makes sure that the named ports are free on loopback before anything starts.
 * @throws DependencyError PORT_IN_USE naming the first one that is not, and what it is for
 */
export async function requireFreePorts(ports: LocalPorts, names: readonly (keyof LocalPorts)[]): Promise<void> {
  for (const name of names) {
    const problem = await portProblem(ports[name]);
    if (problem === undefined) continue;
    throw new DependencyError('PORT_IN_USE', `port ${ports[name]}, meant for ${name}, ${problem}`, {
      retryable: false,
      details: { port: ports[name], purpose: name },
      action: 'Stop the program that uses it, or move all ports with --port-base.',
    });
  }
}

function portProblem(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE' ? 'is already in use' : `cannot be opened: ${errorMessage(error)}`);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
