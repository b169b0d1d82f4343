import { FrameworkReference, isLiteralArray, type LiteralValue } from '../rego-literals/index.ts';
import { pythonJson } from './python-json.ts';

/** Whether a change lets more through, or less. */
export type Effect = 'loosens' | 'tightens' | 'neutral' | 'unknown';

/** One change of a policy. */
export interface PolicyChange {
  /** Such as `containers[app].env_rules`. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before: LiteralValue | undefined;
  readonly after: LiteralValue | undefined;
  readonly effect: Effect;
}

/** The opposite effect. */
export function opposite(effect: Effect): Effect {
  if (effect === 'loosens') return 'tightens';
  return effect === 'tightens' ? 'loosens' : effect;
}

/** A text that is equal for equal values, whatever the order of object keys. */
export function canonical(value: LiteralValue | undefined): string {
  if (value instanceof FrameworkReference) return `data.framework.${value.framework}`;
  return value === undefined ? '' : pythonJson(value);
}

/** Whether two values are equal; order of lists counts. */
export function sameValue(a: LiteralValue | undefined, b: LiteralValue | undefined): boolean {
  return canonical(a) === canonical(b);
}

/** Changes of a list whose order does not count; `added` is the effect of one more entry. */
export function setChanges(
  path: string,
  before: LiteralValue | undefined,
  after: LiteralValue | undefined,
  added: Effect,
): PolicyChange[] {
  const { removed, added: more } = setDifference(before, after);
  return [
    ...removed.map((entry): PolicyChange => ({
      path,
      kind: 'removed',
      before: entry,
      after: undefined,
      effect: opposite(added),
    })),
    ...more.map((entry): PolicyChange => ({ path, kind: 'added', before: undefined, after: entry, effect: added })),
  ];
}

/** Entries that only one of two lists has, each counted as often as it occurs. */
export function setDifference(
  before: LiteralValue | undefined,
  after: LiteralValue | undefined,
): { readonly removed: readonly LiteralValue[]; readonly added: readonly LiteralValue[] } {
  const [a, b] = [isLiteralArray(before) ? before : [], isLiteralArray(after) ? after : []];
  return { removed: without(a, b), added: without(b, a) };
}

function without(entries: readonly LiteralValue[], others: readonly LiteralValue[]): LiteralValue[] {
  const counts = new Map<string, number>();
  for (const other of others) counts.set(canonical(other), (counts.get(canonical(other)) ?? 0) + 1);
  return entries.filter((entry) => {
    const left = counts.get(canonical(entry)) ?? 0;
    counts.set(canonical(entry), left - 1);
    return left <= 0;
  });
}

/** Pairs entries of two lists that have the same key, in order, in linear time. An undefined key has no partner. */
export function pairUp<T>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (entry: T) => string | undefined,
): { readonly pairs: readonly (readonly [T, T | undefined])[]; readonly rest: readonly T[] } {
  const waiting = new Map<string, T[]>();
  for (const entry of after.toReversed()) {
    const key = keyOf(entry);
    if (key === undefined) continue;
    const queue = waiting.get(key);
    if (queue === undefined) waiting.set(key, [entry]);
    else queue.push(entry);
  }
  const taken = new Set<T>();
  const pairs = before.map((entry) => {
    const key = keyOf(entry);
    const partner = key === undefined ? undefined : waiting.get(key)?.pop();
    if (partner !== undefined) taken.add(partner);
    return [entry, partner] as const;
  });
  return { pairs, rest: after.filter((entry) => !taken.has(entry)) };
}
