import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { ApiKeyEnvironment, Role } from '@holdfast/uid2';

import type { CliContext } from '../../context.ts';
import { optionalTextFlag, switchFlag, wholeNumber } from '../flags.ts';
import { lazily } from '../lazily.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags, WorldFlags } from './flags.ts';
import { environmentFlag, siteFilter, siteFlag } from './shared-flags.ts';
import { nonBlank, role } from './parsers.ts';

export interface ClientCreateFlags extends ChangeFlags {
  readonly site: number;
  readonly roles: readonly Role[];
  readonly service?: number;
  readonly environment?: ApiKeyEnvironment;
}

export interface ClientUpdateFlags extends ChangeFlags {
  readonly name?: string;
  readonly contact?: string;
  readonly roles?: readonly Role[];
  readonly service?: number;
}

export interface ClientRotateFlags extends ChangeFlags {
  readonly replace: boolean;
  readonly environment?: ApiKeyEnvironment;
}

export interface SiteFilterFlags extends WorldFlags {
  readonly site?: number;
}

const roles = {
  kind: 'parsed',
  parse: role,
  brief: 'What it may do: GENERATOR, MAPPER, ID_READER, SHARER, OPTOUT',
  placeholder: 'ROLES',
  variadic: ',',
} as const;

const service = {
  kind: 'parsed',
  parse: wholeNumber,
  brief: 'Id of the service it acts as',
  placeholder: 'SERVICE',
  optional: true,
} as const;

const clientArgument = {
  kind: 'tuple',
  parameters: [{ brief: 'Key id, contact or name of the client', placeholder: 'CLIENT', parse: nonBlank }],
} as const;

const runs = () => import('../../admin/clients.ts');

export const clientRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    create: buildCommand<ClientCreateFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runClientCreate),
      parameters: {
        flags: {
          site: siteFlag,
          roles,
          service,
          environment: environmentFlag,
          ...changeFlags,
        },
        positional: { kind: 'tuple', parameters: [{ brief: 'Name', placeholder: 'NAME', parse: nonBlank }] },
      },
      docs: {
        brief: 'Issue a client key',
        fullDescription:
          'Writes the API key and the client secret to standard output, once: the key is stored as a salted hash only. A site ' +
          'that generates tokens or shares gets a keyset if it has none.',
      },
    }),
    list: buildCommand<SiteFilterFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runClientList),
      parameters: { flags: { site: siteFilter, ...worldFlags } },
      docs: { brief: 'List client keys, by their public ids' },
    }),
    update: buildCommand<ClientUpdateFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runClientUpdate),
      parameters: {
        flags: {
          name: optionalTextFlag('New name', 'NAME'),
          contact: optionalTextFlag('New contact, which no other client has', 'TEXT'),
          roles: { ...roles, optional: true },
          service,
          ...changeFlags,
        },
        positional: clientArgument,
      },
      docs: { brief: 'Change name, contact, roles or service of a client' },
    }),
    rotate: buildCommand<ClientRotateFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runClientRotate),
      parameters: {
        flags: {
          replace: switchFlag('Disable the old key at once'),
          environment: environmentFlag,
          ...changeFlags,
        },
        positional: clientArgument,
      },
      docs: {
        brief: 'Issue a second key to the holder of a client key',
        fullDescription:
          'The old key keeps working until `client disable`, so that its holder can change over. With --replace it stops at once.',
      },
    }),
    disable: buildCommand<ChangeFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runClientDisable),
      parameters: { flags: changeFlags, positional: clientArgument },
      docs: { brief: 'Disable a client key: its holder gets 401' },
    }),
    enable: buildCommand<ChangeFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runClientEnable),
      parameters: { flags: changeFlags, positional: clientArgument },
      docs: { brief: 'Enable a client key again' },
    }),
  },
  docs: { brief: 'Client keys' },
});
