import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { homeFlag, jsonFlag, wholeNumber } from './flags.ts';
import { lazily } from './lazily.ts';

export interface UpFlags {
  readonly check: boolean;
  readonly readyFile?: string;
  readonly home?: string;
  readonly portBase?: number;
  readonly salts?: number;
  readonly only?: readonly string[];
  readonly keepPolicy: boolean;
  readonly json: boolean;
}

export const upCommand: Command<CliContext> = buildCommand<UpFlags, [], CliContext>({
  loader: lazily(async () => (await import('../up/run-up.ts')).runUp),
  parameters: {
    flags: {
      check: {
        kind: 'boolean',
        brief: 'Bring everything up, prove it, stop, and exit with 0 or 1',
        default: false,
        withNegated: false,
      },
      readyFile: {
        kind: 'parsed',
        parse: String,
        brief: 'Write addresses and credentials here once everything is ready',
        placeholder: 'FILE',
        optional: true,
      },
      home: homeFlag,
      portBase: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'First of eleven ports in a row, instead of 8080, 9080, …',
        placeholder: 'N',
        optional: true,
      },
      salts: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'Number of salts of a new world (1048576)',
        placeholder: 'N',
        optional: true,
      },
      only: {
        kind: 'parsed',
        parse: String,
        variadic: ',',
        brief: 'Start only these parts: azure, attestation, core, optout, operator',
        placeholder: 'PARTS',
        optional: true,
      },
      keepPolicy: {
        kind: 'boolean',
        brief: "Run the manifest's policy as it is, also when images have changed and it no longer admits them",
        default: false,
        withNegated: false,
      },
      json: jsonFlag,
    },
  },
  docs: {
    brief: 'Bring up the local confidential cloud with an attested UID2 private operator',
    fullDescription:
      'Starts Azure endpoints, an attestation service, UID2 Core and Opt-Out with a seeded world, and a virtual node that runs ' +
      'the operator from its manifest, all on loopback. Ctrl-C stops everything.',
  },
});
