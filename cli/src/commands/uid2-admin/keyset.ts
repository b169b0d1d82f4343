import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';

import type { CliContext } from '../../context.ts';
import { optionalTextFlag } from '../flags.ts';
import { lazily } from '../lazily.ts';
import type { SiteFilterFlags } from './client.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags } from './flags.ts';
import { allowedSites, keysetId } from './parsers.ts';
import { siteFilter, siteFlag } from './shared-flags.ts';

export interface KeysetFieldFlags extends ChangeFlags {
  readonly name?: string;
  readonly allow?: readonly number[] | 'readers';
}

export interface KeysetCreateFlags extends KeysetFieldFlags {
  readonly site: number;
}

const allow = {
  kind: 'parsed',
  parse: allowedSites,
  brief: 'Who may read besides the owner: site ids with commas, nobody, or readers (every ID_READER)',
  placeholder: 'SITES',
  optional: true,
} as const;

const keysetArgument = {
  kind: 'tuple',
  parameters: [{ brief: 'Id of the keyset', placeholder: 'KEYSET', parse: keysetId }],
} as const;

const runs = () => import('../../admin/keysets.ts');

export const keysetRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    create: buildCommand<KeysetCreateFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runKeysetCreate),
      parameters: {
        flags: { site: siteFlag, name: optionalTextFlag('Name', 'NAME'), allow, ...changeFlags },
      },
      docs: { brief: 'Add the keyset of a site, with a first key that is active at once' },
    }),
    list: buildCommand<SiteFilterFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runKeysetList),
      parameters: { flags: { site: siteFilter, ...worldFlags } },
      docs: { brief: 'List keysets and who may read them' },
    }),
    update: buildCommand<KeysetFieldFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runKeysetUpdate),
      parameters: {
        flags: { name: optionalTextFlag('New name', 'NAME'), allow, ...changeFlags },
        positional: keysetArgument,
      },
      docs: { brief: 'Change name or readers of a keyset; it gets another key' },
    }),
    disable: buildCommand<ChangeFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runKeysetDisable),
      parameters: { flags: changeFlags, positional: keysetArgument },
      docs: { brief: 'Withhold the keys of a keyset from everybody' },
    }),
    enable: buildCommand<ChangeFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runKeysetEnable),
      parameters: { flags: changeFlags, positional: keysetArgument },
      docs: { brief: 'Hand out the keys of a keyset again' },
    }),
  },
  docs: { brief: 'Keysets: keys of a site and who may read what they made' },
});
