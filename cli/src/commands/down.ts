import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { homeFlag, jsonFlag } from './flags.ts';
import { lazily } from './lazily.ts';

export interface DownFlags {
  readonly home?: string;
  readonly json: boolean;
}

export const downCommand: Command<CliContext> = buildCommand<DownFlags, [], CliContext>({
  loader: lazily(async () => (await import('../up/run-down.ts')).runDown),
  parameters: { flags: { home: homeFlag, json: jsonFlag } },
  docs: {
    brief: 'Stop the local cloud that runs in a home folder',
    fullDescription:
      'Stops what holdfast up runs, or what holdfast apply --target local has started in the background. Deployments, the world and ' +
      'keys stay: the next start goes on with them.',
  },
});
