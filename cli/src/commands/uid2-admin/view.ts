import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';

import type { CliContext } from '../../context.ts';
import { lazily } from '../lazily.ts';
import { worldFlags } from './flags.ts';
import type { WorldFlags } from './flags.ts';

export const viewRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    refresh: buildCommand<WorldFlags, [], CliContext>({
      loader: lazily(async () => (await import('../../admin/views.ts')).runViewRefresh),
      parameters: { flags: worldFlags },
      docs: {
        brief: 'Write the views that single sites get, clear and encrypted',
        fullDescription:
          'Core serves them to operators that ask for encrypted files, and to private ones where it is told to. Once they exist, ' +
          'every change keeps them up to date. Run it also an hour after `cloud-key rotate`, when the new keys are active.',
      },
    }),
  },
  docs: { brief: 'Copies of the stores for single operators' },
});
