import { ConfigError } from '@holdfast/base';

import type { Environment } from './config.ts';

const MAX_PORT = 65_535;

/**
 * A configured port plus the environment variable `port_offset`, which shifts all ports of a UID2 service together. 0 (any
 * free port) and -1 (no listener) stay as they are.
 * @throws ConfigError CONFIG_INVALID when the variable is no whole number, or the sum is no port
 */
export function shiftPort(port: number, env: Environment): number {
  const text = env['port_offset'];
  if (text === undefined || text === '' || port <= 0) return port;
  const shifted = /^-?\d{1,5}$/.test(text) ? port + Number(text) : 0;
  if (shifted >= 1 && shifted <= MAX_PORT) return shifted;
  throw new ConfigError('CONFIG_INVALID', [`port_offset: ${JSON.stringify(text)} does not make a port of ${port}`], {
    action: 'Set the environment variable port_offset to a whole number, or remove it.',
  });
}
