import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { ApiKeyEnvironment } from '@holdfast/uid2';

import type { CliContext } from '../../context.ts';
import { optionalTextFlag } from '../flags.ts';
import { lazily } from '../lazily.ts';
import type { SiteFilterFlags } from './client.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags } from './flags.ts';
import { nonBlank } from './parsers.ts';
import { environmentFlag, siteFilter, siteFlag } from './shared-flags.ts';

export interface KeypairCreateFlags extends ChangeFlags {
  readonly site: number;
  readonly name?: string;
  readonly contact?: string;
  readonly environment?: ApiKeyEnvironment;
}

const keypairArgument = {
  kind: 'tuple',
  parameters: [{ brief: 'Subscription id', placeholder: 'SUBSCRIPTION', parse: nonBlank }],
} as const;

const runs = () => import('../../admin/keypairs.ts');

export const keypairRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    create: buildCommand<KeypairCreateFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runKeypairCreate),
      parameters: {
        flags: {
          site: siteFlag,
          name: optionalTextFlag('Name', 'NAME'),
          contact: optionalTextFlag('Contact', 'TEXT'),
          environment: environmentFlag,
          ...changeFlags,
        },
      },
      docs: {
        brief: 'Make a key pair for client-side token generation',
        fullDescription:
          'Prints the subscription id and the public key for the publisher; the private key is for operators only.',
      },
    }),
    list: buildCommand<SiteFilterFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runKeypairList),
      parameters: { flags: { site: siteFilter, ...worldFlags } },
      docs: { brief: 'List key pairs with their public keys' },
    }),
    disable: buildCommand<ChangeFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runKeypairDisable),
      parameters: { flags: changeFlags, positional: keypairArgument },
      docs: { brief: 'Stop client-side token generation with a key pair' },
    }),
    enable: buildCommand<ChangeFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runKeypairEnable),
      parameters: { flags: changeFlags, positional: keypairArgument },
      docs: { brief: 'Allow it again' },
    }),
  },
  docs: { brief: 'Key pairs for client-side token generation' },
});
