import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { ApiKeyEnvironment, OperatorType, Role } from '@holdfast/uid2';
import type { AttestationProtocol } from '@holdfast/uid2/administration';

import type { CliContext } from '../../context.ts';
import { wholeNumber } from '../flags.ts';
import { lazily } from '../lazily.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags, WorldFlags } from './flags.ts';
import { nonBlank, role } from './parsers.ts';
import { environmentFlag, protocolFlag, siteFlag } from './shared-flags.ts';

type TypeFlag = Lowercase<OperatorType>;

export interface OperatorCreateFlags extends ChangeFlags {
  readonly site: number;
  readonly protocol: AttestationProtocol;
  readonly type: TypeFlag;
  readonly roles?: readonly Role[];
  readonly environment?: ApiKeyEnvironment;
}

export interface OperatorUpdateFlags extends ChangeFlags {
  readonly site?: number;
  readonly type?: TypeFlag;
  readonly roles?: readonly Role[];
}

const roles = {
  kind: 'parsed',
  parse: role,
  brief: 'OPERATOR, OPTOUT (may report opt-outs), or OPTOUT_SERVICE alone',
  placeholder: 'ROLES',
  variadic: ',',
  optional: true,
} as const;

const type = { kind: 'enum', values: ['private', 'public'], brief: 'Who runs it' } as const;

const operatorArgument = {
  kind: 'tuple',
  parameters: [{ brief: 'Name or key id of the operator', placeholder: 'OPERATOR', parse: nonBlank }],
} as const;

const runs = () => import('../../admin/operators.ts');

export const operatorRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    create: buildCommand<OperatorCreateFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runOperatorCreate),
      parameters: {
        flags: {
          site: siteFlag,
          protocol: protocolFlag,
          type: { ...type, default: 'private' },
          roles,
          environment: environmentFlag,
          ...changeFlags,
        },
        positional: { kind: 'tuple', parameters: [{ brief: 'Name', placeholder: 'NAME', parse: nonBlank }] },
      },
      docs: {
        brief: 'Issue an operator key',
        fullDescription:
          'Writes the key to standard output, once: it is stored as a salted hash only. A site without a cloud encryption key gets one.',
      },
    }),
    list: buildCommand<WorldFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runOperatorList),
      parameters: { flags: worldFlags },
      docs: { brief: 'List operator keys, by their public ids' },
    }),
    update: buildCommand<OperatorUpdateFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runOperatorUpdate),
      parameters: {
        flags: {
          site: {
            kind: 'parsed',
            parse: wholeNumber,
            brief: 'Id of another site',
            placeholder: 'SITE',
            optional: true,
          },
          type: { ...type, optional: true },
          roles,
          ...changeFlags,
        },
        positional: operatorArgument,
      },
      docs: { brief: 'Change site, type or roles of an operator' },
    }),
    disable: buildCommand<ChangeFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runOperatorDisable),
      parameters: { flags: changeFlags, positional: operatorArgument },
      docs: { brief: 'Disable an operator key: its running instances shut down' },
    }),
    enable: buildCommand<ChangeFlags, [string], CliContext>({
      loader: lazily(async () => (await runs()).runOperatorEnable),
      parameters: { flags: changeFlags, positional: operatorArgument },
      docs: { brief: 'Enable an operator key again' },
    }),
  },
  docs: { brief: 'Operator keys' },
});
