import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { ClientType } from '@holdfast/uid2/administration';

import type { CliContext } from '../../context.ts';
import { optionalTextFlag, wholeNumber } from '../flags.ts';
import { lazily } from '../lazily.ts';
import { changeFlags, listFlag, worldFlags } from './flags.ts';
import type { ChangeFlags, WorldFlags } from './flags.ts';
import { clientType, nonBlank } from './parsers.ts';

export interface SiteFieldFlags extends ChangeFlags {
  readonly types?: readonly ClientType[];
  readonly domains?: readonly string[];
  readonly apps?: readonly string[];
}

export interface SiteUpdateFlags extends SiteFieldFlags {
  readonly name?: string;
}

const fields = {
  types: {
    kind: 'parsed',
    parse: clientType,
    brief: 'What the participant is: DSP, ADVERTISER, DATA_PROVIDER, PUBLISHER',
    placeholder: 'TYPES',
    variadic: ',',
    optional: true,
  },
  domains: listFlag('Registrable domains whose pages may ask for tokens', 'DOMAINS'),
  apps: listFlag('Mobile apps that may', 'APPS'),
} as const;

const siteArgument = {
  kind: 'tuple',
  parameters: [{ brief: 'Id of the site', placeholder: 'SITE', parse: wholeNumber }],
} as const;

const runs = () => import('../../admin/sites.ts');

export const siteRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    create: buildCommand<SiteFieldFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runSiteCreate),
      parameters: {
        flags: { ...fields, ...changeFlags },
        positional: { kind: 'tuple', parameters: [{ brief: 'Name', placeholder: 'NAME', parse: nonBlank }] },
      },
      docs: { brief: 'Add a participant' },
    }),
    list: buildCommand<WorldFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runSiteList),
      parameters: { flags: worldFlags },
      docs: { brief: 'List the participants' },
    }),
    update: buildCommand<SiteUpdateFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runSiteUpdate),
      parameters: {
        flags: { name: optionalTextFlag('New name', 'NAME'), ...fields, ...changeFlags },
        positional: siteArgument,
      },
      docs: { brief: 'Change name, types, domains or apps of a participant; lists replace lists' },
    }),
    disable: buildCommand<ChangeFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runSiteDisable),
      parameters: { flags: changeFlags, positional: siteArgument },
      docs: {
        brief: 'Disable a participant with its client keys and key pairs',
        fullDescription:
          "Operators do not look at a site's own flag, so its client keys and client-side key pairs are disabled with it.",
      },
    }),
    enable: buildCommand<ChangeFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runSiteEnable),
      parameters: { flags: changeFlags, positional: siteArgument },
      docs: { brief: 'Enable a participant; its keys stay as they are' },
    }),
  },
  docs: { brief: 'Participants' },
});
