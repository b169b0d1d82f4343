import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag, optionalTextFlag, switchFlag } from './flags.ts';
import { lazily } from './lazily.ts';

/** Which key broker, and as whom. */
export interface BrokerFlags {
  readonly url: string;
  readonly adminTokenFile?: string;
  readonly ca?: string;
  readonly json: boolean;
}

export type PolicyPreset = 'default' | 'allow-all' | 'deny-all' | 'affirming';

export interface SetPolicyFlags extends BrokerFlags {
  readonly file?: string;
  readonly preset?: PolicyPreset;
  readonly attestation?: string;
}

export interface SetReferenceFlags extends BrokerFlags {
  readonly asSingleValue: boolean;
  readonly asInteger: boolean;
  readonly asBool: boolean;
}

const broker = {
  url: { kind: 'parsed', parse: String, brief: 'Address of the key broker, as https://kbs:8080', placeholder: 'URL' },
  adminTokenFile: optionalTextFlag('File with the bearer token of an administrator (~/.trustee/admin-token)', 'FILE'),
  ca: optionalTextFlag('PEM certificate that the broker is trusted under', 'FILE'),
  json: jsonFlag,
} as const;

const pathArgument = { brief: 'repository/type/tag', placeholder: 'PATH', parse: String } as const;
const nameArgument = { brief: 'Name of the reference value', placeholder: 'NAME', parse: String } as const;

const setResourceCommand: Command<CliContext> = buildCommand<BrokerFlags, [string, string], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-resource.ts')).runSetResource),
  parameters: {
    flags: broker,
    positional: {
      kind: 'tuple',
      parameters: [pathArgument, { brief: 'Content, byte for byte', placeholder: 'FILE', parse: String }],
    },
  },
  docs: { brief: 'Store a resource that attested guests may ask for' },
});

const deleteResourceCommand: Command<CliContext> = buildCommand<BrokerFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-resource.ts')).runDeleteResource),
  parameters: { flags: broker, positional: { kind: 'tuple', parameters: [pathArgument] } },
  docs: { brief: 'Remove a resource' },
});

const setPolicyCommand: Command<CliContext> = buildCommand<SetPolicyFlags, [], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-policy.ts')).runSetPolicy),
  parameters: {
    flags: {
      file: optionalTextFlag('Policy in Rego', 'FILE'),
      preset: {
        kind: 'enum',
        values: ['default', 'allow-all', 'deny-all', 'affirming'],
        brief: 'Instead of --file: a resource policy that comes with Holdfast',
        optional: true,
      },
      attestation: optionalTextFlag(
        'The attestation policy of this name, such as default_cpu, instead of the resource policy',
        'ID',
      ),
      ...broker,
    },
  },
  docs: {
    brief: 'Replace the resource policy, or an attestation policy',
    fullDescription:
      'The policy is compiled here first: what is wrong is said with line and column, and nothing is sent.',
  },
});

const listPoliciesCommand: Command<CliContext> = buildCommand<BrokerFlags, [], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-policy.ts')).runListPolicies),
  parameters: { flags: broker },
  docs: { brief: 'Names of the stored resource policies' },
});

const setReferenceCommand: Command<CliContext> = buildCommand<SetReferenceFlags, [string, ...string[]], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-reference-value.ts')).runSetReference),
  parameters: {
    flags: {
      asSingleValue: switchFlag('One value that is no list'),
      asInteger: switchFlag('The values are integers'),
      asBool: switchFlag('The values are true or false'),
      ...broker,
    },
    positional: {
      kind: 'array',
      parameter: { brief: 'Name, then one value or more', placeholder: 'NAME VALUE', parse: String },
      minimum: 2,
    },
  },
  docs: { brief: 'Register a reference value that attestation policies compare with' },
});

const importReferencesCommand: Command<CliContext> = buildCommand<BrokerFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-reference-value.ts')).runImportReferences),
  parameters: {
    flags: broker,
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'reference-values.json of the Trustee operator', placeholder: 'FILE', parse: String }],
    },
  },
  docs: { brief: 'Register the reference values of a file, such as holdfast initdata measure writes' },
});

const getReferenceCommand: Command<CliContext> = buildCommand<BrokerFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-reference-value.ts')).runGetReference),
  parameters: { flags: broker, positional: { kind: 'tuple', parameters: [nameArgument] } },
  docs: { brief: 'Show a reference value' },
});

const listReferencesCommand: Command<CliContext> = buildCommand<BrokerFlags, [], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-reference-value.ts')).runListReferences),
  parameters: { flags: broker },
  docs: { brief: 'Names of all reference values (brokers of Holdfast only)' },
});

const deleteReferenceCommand: Command<CliContext> = buildCommand<BrokerFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../trustee/run-reference-value.ts')).runDeleteReference),
  parameters: { flags: broker, positional: { kind: 'tuple', parameters: [nameArgument] } },
  docs: { brief: 'Remove a reference value (brokers of Holdfast only)' },
});

export const trusteeRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    resource: buildRouteMap({
      routes: { set: setResourceCommand, delete: deleteResourceCommand },
      docs: { brief: 'Resources that attested guests may ask for' },
    }),
    policy: buildRouteMap({
      routes: { set: setPolicyCommand, list: listPoliciesCommand },
      docs: { brief: 'Policies that decide about evidence and resources' },
    }),
    'reference-value': buildRouteMap({
      routes: {
        set: setReferenceCommand,
        import: importReferencesCommand,
        get: getReferenceCommand,
        list: listReferencesCommand,
        delete: deleteReferenceCommand,
      },
      docs: { brief: 'Measurements that are held good' },
    }),
  },
  docs: { brief: 'Administration of a Trustee key broker' },
});
