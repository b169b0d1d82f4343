import { z } from 'zod';

import { text } from './setting-types.ts';
import type { Values } from './setting-types.ts';

const port = z.number().int().min(-1).max(65_535);

/** Where to listen. */
export const listening = {
  http_host: text.default('0.0.0.0').meta({ description: 'Address to listen on, for the API and for metrics.' }),
  http_port: port.min(0).default(8080).meta({ description: 'Port of the API; 0 takes any free port.' }),
  metrics_port: port.default(9080).meta({ description: '0 takes any free port, -1 opens no metrics listener.' }),
  port_offset: z.number().int().default(0).meta({ description: 'Added to both ports unless they are 0 or -1.' }),
};

export interface ListeningConfig {
  readonly http: { readonly host: string; readonly port: number };
  /** −1 opens no metrics listener. */
  readonly metricsPort: number;
}

export function listeningConfig(settings: Values<typeof listening>): ListeningConfig {
  const { http_host: host, http_port: httpPort, metrics_port: metricsPort, port_offset: offset } = settings;
  return { http: { host, port: shifted(httpPort, offset) }, metricsPort: shifted(metricsPort, offset) };
}

function shifted(port: number, offset: number): number {
  return port <= 0 ? port : port + offset;
}
