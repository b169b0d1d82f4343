import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag } from './flags.ts';
import { lazily } from './lazily.ts';

export interface ServeFlags {
  readonly config?: string;
  readonly untilStdinCloses: boolean;
  readonly json: boolean;
}

/** The services that `serve` knows. */
export const SERVICE_NAMES = [
  'operator',
  'core',
  'optout',
  'attestation',
  'skr',
  'webhook',
  'pod-identity',
  'pod-identity-controller',
  'identity-proxy',
  'secrets-store',
  'vote',
  'trustee',
  'encrypted-kafka-consumer',
  'encrypted-kafka-producer',
] as const;

export type ServiceName = (typeof SERVICE_NAMES)[number];

export const serveCommand: Command<CliContext> = buildCommand<ServeFlags, [ServiceName], CliContext>({
  loader: lazily(async () => (await import('../serve/run-serve.ts')).runServe),
  parameters: {
    flags: {
      config: {
        kind: 'parsed',
        parse: String,
        brief: 'JSON file with settings; its values win over the environment',
        placeholder: 'FILE',
        optional: true,
      },
      untilStdinCloses: {
        kind: 'boolean',
        brief: 'Stop when standard input ends, as when the parent process is gone',
        default: false,
        withNegated: false,
      },
      json: jsonFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: SERVICE_NAMES.join(', '), placeholder: 'SERVICE', parse: serviceName }],
    },
  },
  docs: {
    brief: 'Run one service in the foreground, as containers do',
    fullDescription:
      'Settings come from the environment and from --config. Log lines are JSON on standard output. SIGTERM stops the service ' +
      "in order; exit codes are 0 for a clean stop, 78 for configuration, and the service's own otherwise.",
  },
});

function serviceName(text: string): ServiceName {
  const known = SERVICE_NAMES.find((name) => name === text);
  if (known === undefined)
    throw new SyntaxError(`there is no service "${text}"; there are ${SERVICE_NAMES.join(', ')}`);
  return known;
}
