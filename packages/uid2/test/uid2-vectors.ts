import { loadVectors } from '@holdfast/base/testing';

interface OperatorVectors {
  readonly groups: Readonly<Record<string, readonly unknown[]>>;
}

interface CoreVectors {
  readonly vectors: readonly { readonly id: string }[];
}

const operator = loadVectors('uid2-operator.json') as OperatorVectors | undefined;
const core = loadVectors('uid2-core.json') as CoreVectors | undefined;

/** Whether the known answers are there; tests that need them skip otherwise. */
export const hasVectors: boolean = operator !== undefined && core !== undefined;

/** All entries of a group of the operator's known answers; none when the folder is missing. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the shape of its known answers
export function operatorGroup<T>(name: string): readonly T[] {
  if (operator === undefined) return [];
  const group = operator.groups[name];
  if (group === undefined) throw new Error(`no group ${name} among the known answers`);
  return group as readonly T[];
}

/** One entry of Core's known answers; an empty object when the folder is missing, so that skipped tests can still be defined. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the shape of its known answers
export function coreVector<T>(id: string): T {
  if (core === undefined) return {} as T;
  const vector = core.vectors.find((entry) => entry.id === id);
  if (vector === undefined) throw new Error(`no known answer ${id}`);
  return vector as T;
}
