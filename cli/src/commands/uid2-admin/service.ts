import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { Role } from '@holdfast/uid2';

import type { CliContext } from '../../context.ts';
import { optionalTextFlag, textFlag, wholeNumber } from '../flags.ts';
import { lazily } from '../lazily.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags, WorldFlags } from './flags.ts';
import { nonBlank, role } from './parsers.ts';
import { siteFlag } from './shared-flags.ts';

export interface ServiceCreateFlags extends ChangeFlags {
  readonly site: number;
  readonly roles?: readonly Role[];
  readonly linkIdRegex?: string;
}

export interface ServiceLinkCreateFlags extends ChangeFlags {
  readonly site: number;
  readonly name: string;
  readonly roles?: readonly Role[];
}

export interface ServiceLinkListFlags extends WorldFlags {
  readonly service?: number;
}

const roles = {
  kind: 'parsed',
  parse: role,
  brief: 'What it may do for others (MAPPER)',
  placeholder: 'ROLES',
  variadic: ',',
  optional: true,
} as const;

const serviceParameter = { brief: 'Id of the service', placeholder: 'SERVICE', parse: wholeNumber } as const;
const serviceArgument = { kind: 'tuple', parameters: [serviceParameter] } as const;
const linkArguments = {
  kind: 'tuple',
  parameters: [serviceParameter, { brief: 'Link id', placeholder: 'LINK', parse: nonBlank }],
} as const;

const runs = () => import('../../admin/services.ts');

export const serviceRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    create: buildCommand<ServiceCreateFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runServiceCreate),
      parameters: {
        flags: {
          site: siteFlag,
          roles,
          linkIdRegex: optionalTextFlag('Regular expression that link ids match as a whole', 'REGEX'),
          ...changeFlags,
        },
        positional: { kind: 'tuple', parameters: [{ brief: 'Name', placeholder: 'NAME', parse: nonBlank }] },
      },
      docs: { brief: 'Add a service that acts for other participants' },
    }),
    list: buildCommand<WorldFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runServiceList),
      parameters: { flags: worldFlags },
      docs: { brief: 'List services' },
    }),
    disable: buildCommand<ChangeFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runServiceDisable),
      parameters: { flags: changeFlags, positional: serviceArgument },
      docs: { brief: 'Disable a service with its links' },
    }),
    enable: buildCommand<ChangeFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runServiceEnable),
      parameters: { flags: changeFlags, positional: serviceArgument },
      docs: { brief: 'Enable a service; its links stay as they are' },
    }),
  },
  docs: { brief: 'Services that act for participants' },
});

export const serviceLinkRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    create: buildCommand<ServiceLinkCreateFlags, [number, string], CliContext>({
      loader: lazily(async () => (await runs()).runServiceLinkCreate),
      parameters: {
        flags: { site: siteFlag, name: textFlag('Name', 'NAME'), roles, ...changeFlags },
        positional: linkArguments,
      },
      docs: { brief: 'Let a service act for a participant' },
    }),
    list: buildCommand<ServiceLinkListFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runServiceLinkList),
      parameters: {
        flags: {
          service: { ...serviceParameter, kind: 'parsed', brief: 'Only those of this service', optional: true },
          ...worldFlags,
        },
      },
      docs: { brief: 'List service links' },
    }),
    disable: buildCommand<ChangeFlags, [number, string], CliContext>({
      loader: lazily(async () => (await runs()).runServiceLinkDisable),
      parameters: { flags: changeFlags, positional: linkArguments },
      docs: { brief: 'Stop a service from acting for a participant' },
    }),
    enable: buildCommand<ChangeFlags, [number, string], CliContext>({
      loader: lazily(async () => (await runs()).runServiceLinkEnable),
      parameters: { flags: changeFlags, positional: linkArguments },
      docs: { brief: 'Allow it again' },
    }),
  },
  docs: { brief: 'Permissions of services to act for participants' },
});
