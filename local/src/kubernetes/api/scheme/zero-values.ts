import { isMap } from '../objects.ts';
import { ANY, builtInSchema, memberSchema } from './schema.ts';
import type { Schema } from './schema.ts';

/** Lists that are stored although they are empty. */
const KEPT_LISTS = new Set([
  'ClusterRole.rules',
  'Role.rules',
  'PolicyRule.verbs',
  'EndpointSlice.endpoints',
  'EndpointSlice.ports',
  'CSINodeSpec.drivers',
  'PodSpec.containers',
]);

/** Values that mean the same as being absent, and are not stored. */
const DROPPED_VALUES: Readonly<Record<string, unknown>> = {
  'EnvVar.value': '',
  'ServiceSpec.publishNotReadyAddresses': false,
  'DeploymentSpec.paused': false,
  'DeploymentSpec.minReadySeconds': 0,
  'PodSpec.hostNetwork': false,
  'PodSpec.hostPID': false,
  'PodSpec.hostIPC': false,
  'Container.stdin': false,
  'Container.stdinOnce': false,
  'Container.tty': false,
  'VolumeMount.readOnly': false,
};

/** A value of a built-in type as it is stored: without nulls, empty lists and empty maps; empty structures stay. */
export function withoutEmpty(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = schema.kind === 'list' ? schema.items : ANY;
    return value.map((item) => withoutEmpty(items, item));
  }
  if (schema.kind !== 'map' || !isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const known = memberSchema(schema, name) ?? ANY;
      const isText =
        schema.typeName === undefined && known.kind === 'scalar' && (known.type === 'string' || known.type === 'bytes');
      // The value of a free map is a text that cannot be absent.
      const stored = member === null && isText ? '' : withoutEmpty(known, member);
      return isDropped(`${schema.typeName ?? ''}.${name}`, known, stored) ? [] : [[name, stored]];
    }),
  );
}

function isDropped(member: string, schema: Schema, value: unknown): boolean {
  if (value === null || (Object.hasOwn(DROPPED_VALUES, member) && DROPPED_VALUES[member] === value)) return true;
  if (Array.isArray(value)) return value.length === 0 && !KEPT_LISTS.has(member);
  const isFreeMap = schema.kind === 'map' && schema.typeName === undefined;
  return isFreeMap && isMap(value) && Object.keys(value).length === 0;
}

/** Members of built-in types that are there in every object, if only empty or null: whoever fills them does not make them. */
const ALWAYS_THERE: Readonly<Record<string, string>> = {
  CronJobSpec: 'jobTemplate',
  CustomResourceDefinitionSpec: 'names versions',
  DaemonSetSpec: 'selector template updateStrategy',
  DeploymentSpec: 'selector strategy template',
  IngressStatus: 'loadBalancer',
  JobSpec: 'template',
  JobTemplateSpec: 'metadata spec',
  NetworkPolicySpec: 'podSelector',
  PersistentVolumeClaimSpec: 'resources',
  PodSpec: 'containers',
  PodTemplateSpec: 'metadata spec',
  ReplicaSetSpec: 'selector template',
  ServiceStatus: 'loadBalancer',
  StatefulSetSpec: 'selector template updateStrategy',
};
const OF_EVERY_KIND = ['metadata', 'spec', 'status', 'roleRef'];

/** What an object of a built-in kind is before anything is written to it. */
export function zeroObject(schema: Schema): Readonly<Record<string, unknown>> {
  return zeroMembers(schema, OF_EVERY_KIND);
}

function zeroMembers(schema: Schema, names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    names.flatMap((name): readonly (readonly [string, unknown])[] => {
      const member = schema.kind === 'map' ? schema.fields().get(name) : undefined;
      if (member === undefined) return [];
      // Lists without a value, and structures that stand behind a pointer, are null.
      if (member.kind !== 'map' || member.typeName === undefined || name === 'selector') return [[name, null]];
      const below = (ALWAYS_THERE[member.typeName] ?? '').split(' ').filter((one) => one !== '');
      return [[name, zeroMembers(builtInSchema(member.typeName), below)]];
    }),
  );
}
