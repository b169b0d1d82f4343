import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';

import type { CliContext } from '../../context.ts';
import { lazily } from '../lazily.ts';
import type { SiteFilterFlags } from './client.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags } from './flags.ts';
import { siteFilter } from './shared-flags.ts';

const runs = () => import('../../admin/cloud-keys.ts');

export const cloudKeyRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    rotate: buildCommand<ChangeFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runCloudKeyRotate),
      parameters: { flags: changeFlags },
      docs: {
        brief: 'Give every site with an operator a new cloud encryption key',
        fullDescription:
          'It activates in an hour, when operators have it; the ten keys before it stay. Sites without operators lose theirs.',
      },
    }),
    list: buildCommand<SiteFilterFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runCloudKeyList),
      parameters: { flags: { site: siteFilter, ...worldFlags } },
      docs: { brief: 'List cloud encryption keys and their times, never their secrets' },
    }),
  },
  docs: { brief: 'Keys of encrypted files at rest' },
});
