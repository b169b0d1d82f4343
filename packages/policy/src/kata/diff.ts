import { isPlainObject } from './json-shape.ts';
import { sameJson } from './json-patch.ts';
import type { KataContainer, KataPolicyData } from './policy-data.ts';
import type { KataPolicyDocument } from './policy-document.ts';
import { compareUtf8 } from './policy-json.ts';

export type KataChangeEffect = 'loosens' | 'tightens' | 'neutral' | 'unknown';

/** One difference between two policies. */
export interface KataChange {
  /** Place, as `containers[1].OCI.Process.Args`; containers are numbered as in the second policy where it has them. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before: unknown;
  readonly after: unknown;
  readonly effect: KataChangeEffect;
}

export interface KataDiff {
  /** In the order of the document. */
  readonly changes: readonly KataChange[];
  /** Whether the guest is measured differently: any byte counts. */
  readonly measurementChanges: boolean;
}

/** Lists whose order means nothing. */
const unordered: ReadonlySet<string> = new Set([
  'Env',
  'Mounts',
  'allow_env_regex',
  'CopyFileRequest',
  'AdditionalGids',
  'MaskedPaths',
  'ReadonlyPaths',
  'commands',
  'allowed_commands',
  'regex',
  'exec_commands',
  'forbidden_device_names',
  'forbidden_source_regex',
  'forbidden_names',
  'forbidden_hw_addrs',
  'forbidden_cidrs_regex',
  'allowed_states',
  'cgroup_mount_extras_allowed',
]);

/** Lists that restrict: more entries allow less. */
const restricting: ReadonlySet<string> = new Set([
  'MaskedPaths',
  'ReadonlyPaths',
  'forbidden_device_names',
  'forbidden_source_regex',
  'forbidden_names',
  'forbidden_hw_addrs',
  'forbidden_cidrs_regex',
]);

/** Lists and switches that permit: more entries, or true, allow more. */
const permitting: ReadonlySet<string> = new Set([
  'Env',
  'Mounts',
  'allow_env_regex',
  'CopyFileRequest',
  'commands',
  'allowed_commands',
  'regex',
  'exec_commands',
  'allowed_states',
  'cgroup_mount_extras_allowed',
  'Sysctl',
  'runtime_anno_patterns',
  'CloseStdinRequest',
  'ReadStreamRequest',
  'UpdateEphemeralMountsRequest',
  'WriteStreamRequest',
  'GetDiagnosticDataRequest',
]);

/**
 * Compares two policies. Containers are paired by name, then by layers, then by place.
 * @param before @param after the policies taken apart
 */
export function diffKataPolicies(before: KataPolicyDocument, after: KataPolicyDocument): KataDiff {
  const changes: KataChange[] = [];
  if (before.rulesSha256 !== after.rulesSha256) {
    changes.push({
      path: 'rules',
      kind: 'changed',
      before: before.rulesSha256,
      after: after.rulesSha256,
      effect: 'unknown',
    });
  }
  changes.push(...diffPolicyData(before.policyData, after.policyData));
  return { changes, measurementChanges: before.sha256 !== after.sha256 };
}

/** Differences of two `policy_data` values. */
export function diffPolicyData(before: KataPolicyData, after: KataPolicyData): KataChange[] {
  const changes: KataChange[] = [];
  const { containers: oldContainers, ...oldRest } = before;
  const { containers: newContainers, ...newRest } = after;
  for (const [oldIndex, newIndex] of pairContainers(oldContainers, newContainers)) {
    const path = `containers[${newIndex ?? oldIndex ?? 0}]`;
    const was = oldIndex === undefined ? undefined : oldContainers[oldIndex];
    const is = newIndex === undefined ? undefined : newContainers[newIndex];
    if (was === undefined) changes.push({ path, kind: 'added', before: undefined, after: is, effect: 'loosens' });
    else if (is === undefined)
      changes.push({ path, kind: 'removed', before: was, after: undefined, effect: 'tightens' });
    else compare(was, is, path, '', changes);
  }
  compare(oldRest, newRest, '', '', changes);
  return changes;
}

type Pair = readonly [before: number | undefined, after: number | undefined];

function pairContainers(before: readonly KataContainer[], after: readonly KataContainer[]): Pair[] {
  const partner = new Map<number, number>();
  const used = new Set<number>();
  const pair = (same: (was: KataContainer, is: KataContainer) => boolean): void => {
    after.forEach((is, newIndex) => {
      if (partner.has(newIndex)) return;
      const oldIndex = before.findIndex((was, index) => !used.has(index) && same(was, is));
      if (oldIndex === -1) return;
      partner.set(newIndex, oldIndex);
      used.add(oldIndex);
    });
  };
  const name = (container: KataContainer): string | undefined =>
    container.OCI.Annotations?.['io.kubernetes.cri.container-name'];
  pair((was, is) => name(was) !== undefined && name(was) === name(is));
  pair((was, is) => name(was) === undefined && name(is) === undefined);
  pair((was, is) => was.storages.length > 0 && sameJson(was.storages, is.storages));
  const kept = after.map((_, newIndex): Pair => [partner.get(newIndex), newIndex]);
  const gone = before.flatMap((_, oldIndex): Pair[] => (used.has(oldIndex) ? [] : [[oldIndex, undefined]]));
  return [...kept, ...gone];
}

function compare(before: unknown, after: unknown, path: string, member: string, changes: KataChange[]): void {
  if (sameJson(before, after)) return;
  if (isPlainObject(before) && isPlainObject(after)) {
    compareMembers(before, after, path, member, changes);
  } else if (Array.isArray(before) && Array.isArray(after) && unordered.has(member)) {
    compareSets(before, after, path, member, changes);
  } else if (
    Array.isArray(before) &&
    Array.isArray(after) &&
    before.length === after.length &&
    before.every(isPlainObject)
  ) {
    const others: readonly unknown[] = after;
    before.forEach((item, index) => {
      compare(item, others[index], `${path}[${index}]`, member, changes);
    });
  } else {
    changes.push({ path, kind: 'changed', before, after, effect: effectOfChange(before, after, member) });
  }
}

function compareMembers(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  path: string,
  member: string,
  changes: KataChange[],
): void {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  if (member === 'Annotations' || member === 'Sysctl' || member === 'runtime_anno_patterns') names.sort(compareUtf8);
  for (const name of names) {
    const place = path === '' ? name : `${path}.${name}`;
    const parent = member === 'Sysctl' || member === 'runtime_anno_patterns' ? member : name;
    if (!Object.hasOwn(before, name)) {
      changes.push({
        path: place,
        kind: 'added',
        before: undefined,
        after: after[name],
        effect: effectOfEntry(parent, true),
      });
    } else if (!Object.hasOwn(after, name)) {
      changes.push({
        path: place,
        kind: 'removed',
        before: before[name],
        after: undefined,
        effect: effectOfEntry(parent, false),
      });
    } else {
      compare(before[name], after[name], place, name, changes);
    }
  }
}

function compareSets(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  member: string,
  changes: KataChange[],
): void {
  const left = [...after];
  const gone: unknown[] = [];
  for (const item of before) {
    const index = left.findIndex((other) => sameJson(item, other));
    if (index === -1) gone.push(item);
    else left.splice(index, 1);
  }
  for (const item of gone) {
    changes.push({ path, kind: 'removed', before: item, after: undefined, effect: effectOfEntry(member, false) });
  }
  for (const item of left) {
    changes.push({ path, kind: 'added', before: undefined, after: item, effect: effectOfEntry(member, true) });
  }
}

function effectOfEntry(member: string, added: boolean): KataChangeEffect {
  if (permitting.has(member)) return added ? 'loosens' : 'tightens';
  if (restricting.has(member)) return added ? 'tightens' : 'loosens';
  return 'unknown';
}

function effectOfChange(before: unknown, after: unknown, member: string): KataChangeEffect {
  if (typeof before === 'boolean' && typeof after === 'boolean' && permitting.has(member))
    return after ? 'loosens' : 'tightens';
  return 'unknown';
}
