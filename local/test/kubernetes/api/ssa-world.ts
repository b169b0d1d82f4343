import { isMap } from '../../../src/kubernetes/api/objects.ts';
import { showPath } from '../../../src/kubernetes/api/apply/field-set.ts';
import type { Manager } from '../../../src/kubernetes/api/apply/managed-fields.ts';
import { recordUpdate, serverSideApply } from '../../../src/kubernetes/api/apply/server-side-apply.ts';
import { customSchema } from '../../../src/kubernetes/api/scheme/schema.ts';
import { StatusError } from '../../../src/kubernetes/api/status.ts';

const text = { type: 'string' };
const number = { type: 'integer' };

/** One member of each kind that merging treats in its own way. */
export const WORLD_SCHEMA = customSchema({
  type: 'object',
  properties: {
    text,
    number,
    flag: { type: 'boolean' },
    struct: {
      type: 'object',
      properties: { a: number, b: number, inner: { type: 'object', properties: { x: text, y: text } } },
    },
    atomicStruct: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: number, b: number } },
    labels: { type: 'object', additionalProperties: text },
    table: { type: 'object', additionalProperties: { type: 'object', properties: { a: number, b: number } } },
    atomicList: { type: 'array', items: text },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: text },
    numbers: { type: 'array', 'x-kubernetes-list-type': 'set', items: number },
    list: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        properties: {
          name: text,
          value: number,
          other: number,
          inner: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['port', 'protocol'],
            items: {
              type: 'object',
              properties: { port: number, protocol: { type: 'string', default: 'TCP' }, target: number },
            },
          },
        },
      },
    },
    free: { 'x-kubernetes-preserve-unknown-fields': true, type: 'object' },
  },
});

type Value = Readonly<Record<string, unknown>>;

export type Step =
  | { readonly apply: string; readonly object: Value; readonly force?: true; readonly conflicts?: readonly string[] }
  | { readonly update: string; readonly object: Value };

export interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly object: Value;
  /** Fields of each manager, `*` in front of those who applied. */
  readonly owners: Readonly<Record<string, readonly string[]>>;
}

export interface Outcome {
  readonly object: unknown;
  readonly owners: Readonly<Record<string, readonly string[]>>;
  /** `manager path`, of the steps that were refused. */
  readonly conflicts: readonly (readonly string[])[];
}

/** Runs the steps of a scenario; a refused step changes nothing. */
export function runScenario(steps: readonly Step[]): Outcome {
  let object: unknown;
  let managers: readonly Manager[] = [];
  const conflicts: string[][] = [];
  for (const step of steps) {
    const writer = { apiVersion: 'test/v1', subresource: '', time: '2026-01-01T00:00:00Z', notWritten: [] };
    if ('update' in step) {
      managers = recordUpdate(WORLD_SCHEMA, object, step.object, managers, { ...writer, name: step.update });
      managers = managers.filter((manager) => manager.fields.size > 0);
      object = step.object;
      continue;
    }
    try {
      const request = {
        schema: WORLD_SCHEMA,
        live: object,
        config: step.object,
        managers,
        force: step.force === true,
        describe: 'x',
      };
      const result = serverSideApply({ ...request, writer: { ...writer, name: step.apply } });
      ({ object, managers } = result);
      conflicts.push([]);
    } catch (error) {
      if (!(error instanceof StatusError) || error.reason !== 'Conflict') throw error;
      conflicts.push((error.status.details?.causes ?? []).map((cause) => cause.field));
    }
  }
  const owners = managers
    .filter((manager) => manager.fields.size > 0)
    .map((manager) => [
      `${manager.operation === 'Apply' ? '*' : ''}${manager.name}`,
      [...manager.fields].map((path) => showPath(path)).sort(),
    ]);
  return { object: isMap(object) ? object : {}, owners: Object.fromEntries(owners) as Outcome['owners'], conflicts };
}
