import { PatternMatcher } from '../regex/index.ts';
import { isLiteralArray, isLiteralObject, type LiteralObject, type LiteralValue } from '../rego-literals/index.ts';
import {
  canonical,
  type Effect,
  opposite,
  pairUp,
  type PolicyChange,
  sameValue,
  setChanges,
  setDifference,
} from './diff-values.ts';

/** A value as text; empty for what is none. */
export function stringOf(value: LiteralValue | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

type Compare = (path: string, before: LiteralValue | undefined, after: LiteralValue | undefined) => PolicyChange[];

/** Changes between two entries for one container. */
export function compareContainers(path: string, before: LiteralObject, after: LiteralObject): PolicyChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => {
    const compare = Object.hasOwn(comparisons, name) ? comparisons[name] : undefined;
    return (compare ?? single('unknown'))(`${path}.${name}`, before[name], after[name]);
  });
}

const comparisons: Readonly<Record<string, Compare>> = {
  // Nothing in the guest looks at these.
  id: single('neutral'),
  name: single('neutral'),
  platform: single('neutral'),
  command: single((before, after) => {
    if (before === null) return 'loosens';
    return after === null ? 'tightens' : 'unknown';
  }),
  env_rules: envChanges,
  mounts: keyed('destination', mountEffect),
  exec_processes: keyed('command', (before, after) => subsetEffect(before['signals'], after['signals'])),
  signals: (path, before, after) => setChanges(path, before, after, 'loosens'),
  capabilities: capabilityChanges,
  user: userChanges,
  allow_elevated: single(flagEffect),
  allow_stdio_access: single(flagEffect),
  no_new_privileges: single((before, after) => opposite(flagEffect(before, after))),
  seccomp_profile_sha256: single((before, after) => {
    if (after === '') return 'loosens';
    return before === '' ? 'tightens' : 'unknown';
  }),
};

function single(
  judge: Effect | ((before: LiteralValue | undefined, after: LiteralValue | undefined) => Effect),
): Compare {
  return (path, before, after) => {
    if (sameValue(before, after)) return [];
    const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
    return [{ path, kind, before, after, effect: typeof judge === 'string' ? judge : judge(before, after) }];
  };
}

/** For members that allow more when true; missing counts as false. */
function flagEffect(before: LiteralValue | undefined, after: LiteralValue | undefined): Effect {
  if ((before ?? false) === (after ?? false)) return 'neutral';
  return after === true ? 'loosens' : 'tightens';
}

function subsetEffect(before: LiteralValue | undefined, after: LiteralValue | undefined): Effect {
  const { removed, added } = setDifference(before, after);
  if (removed.length === 0) return added.length === 0 ? 'neutral' : 'loosens';
  return added.length === 0 ? 'tightens' : 'unknown';
}

/** Entries of a list paired by one member: pairs are changes, the rest is added or removed. */
function keyed(member: string, judge: (before: LiteralObject, after: LiteralObject) => Effect): Compare {
  return (path, before, after) => {
    const { removed, added } = setDifference(before, after);
    const keyOf = (entry: LiteralValue) => (isLiteralObject(entry) ? canonical(entry[member]) : undefined);
    const { pairs, rest } = pairUp(removed, added, keyOf);
    return [
      ...pairs.flatMap(([entry, partner]) => {
        if (!isLiteralObject(entry) || !isLiteralObject(partner)) return [removal(path, entry, 'tightens')];
        const effect = judge(entry, partner);
        return effect === 'neutral' ? [] : [{ path, kind: 'changed' as const, before: entry, after: partner, effect }];
      }),
      ...rest.map((entry) => addition(path, entry, 'loosens')),
    ];
  };
}

function removal(path: string, entry: LiteralValue, effect: Effect): PolicyChange {
  return { path, kind: 'removed', before: entry, after: undefined, effect };
}

function addition(path: string, entry: LiteralValue, effect: Effect): PolicyChange {
  return { path, kind: 'added', before: undefined, after: entry, effect };
}

function mountEffect(before: LiteralObject, after: LiteralObject): Effect {
  const others = Object.keys({ ...before, ...after }).filter((name) => name !== 'options');
  if (others.some((name) => !sameValue(before[name], after[name]))) return 'unknown';
  const { removed, added } = setDifference(before['options'], after['options']);
  if (removed.length === 0 && added.length === 0) return 'neutral';
  const step = [removed, added].map((options) => options.map((option) => stringOf(option)).join(' ')).join('>');
  if (step === 'ro>rw') return 'loosens';
  return step === 'rw>ro' ? 'tightens' : 'unknown';
}

function capabilityChanges(
  path: string,
  before: LiteralValue | undefined,
  after: LiteralValue | undefined,
): PolicyChange[] {
  if (!isLiteralObject(before) || !isLiteralObject(after)) return single('unknown')(path, before, after);
  const sets = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return sets.flatMap((set) => setChanges(`${path}.${set}`, before[set], after[set], 'loosens'));
}

function userChanges(path: string, before: LiteralValue | undefined, after: LiteralValue | undefined): PolicyChange[] {
  if (!isLiteralObject(before) || !isLiteralObject(after)) return single('unknown')(path, before, after);
  return [
    ...single(idEffect)(`${path}.user_idname`, before['user_idname'], after['user_idname']),
    ...groupChanges(`${path}.group_idnames`, before['group_idnames'], after['group_idnames']),
    ...single('unknown')(`${path}.umask`, before['umask'], after['umask']),
  ];
}

function groupChanges(path: string, before: LiteralValue | undefined, after: LiteralValue | undefined): PolicyChange[] {
  const [was, is] = [isLiteralArray(before) ? before : [], isLiteralArray(after) ? after : []];
  if (was.length !== 1 || is.length !== 1) return setChanges(path, before, after, 'loosens');
  return single(idEffect)(path, was[0], is[0]);
}

function idEffect(before: LiteralValue | undefined, after: LiteralValue | undefined): Effect {
  const any = (rule: LiteralValue | undefined) => isLiteralObject(rule) && rule['strategy'] === 'any';
  if (any(before) === any(after)) return any(before) ? 'neutral' : 'unknown';
  return any(after) ? 'loosens' : 'tightens';
}

/** Rules for one variable are one change, when there is one before and one after. */
function envChanges(path: string, before: LiteralValue | undefined, after: LiteralValue | undefined): PolicyChange[] {
  const { removed, added } = setDifference(before, after);
  const matcher = new PatternMatcher();
  const { pairs, rest } = pairUp(removed, added, (rule) => ruleName(rule) || undefined);
  return [
    ...pairs.map(([rule, partner]): PolicyChange => {
      if (partner === undefined) return removal(path, rule, ruleEffect(rule, 'tightens'));
      return { path, kind: 'changed', before: rule, after: partner, effect: changedRuleEffect(rule, partner, matcher) };
    }),
    ...rest.map((rule) => addition(path, rule, ruleEffect(rule, 'loosens'))),
  ];
}

function ruleName(rule: LiteralValue): string {
  if (!isLiteralObject(rule)) return '';
  return stringOf(rule['name']) || (stringOf(rule['pattern']).split('=', 1)[0] ?? '');
}

/** A required rule both admits a variable and demands it. */
function ruleEffect(rule: LiteralValue, effect: Effect): Effect {
  return isLiteralObject(rule) && rule['required'] === true ? 'unknown' : effect;
}

function changedRuleEffect(before: LiteralValue, after: LiteralValue, matcher: PatternMatcher): Effect {
  if (!isLiteralObject(before) || !isLiteralObject(after)) return 'unknown';
  const required = [before, after].map((rule) => rule['required'] === true);
  const sameRule = canonical({ ...before, required: false }) === canonical({ ...after, required: false });
  if (sameRule) return required[0] === required[1] ? 'neutral' : required[1] === true ? 'tightens' : 'loosens';
  if (required[0] !== required[1]) return 'unknown';
  const admits = (rule: LiteralObject, other: LiteralObject) =>
    rule['strategy'] === 're2' &&
    other['strategy'] === 'string' &&
    matcher.matchAnchored(stringOf(rule['pattern']), stringOf(other['pattern'])) === true;
  if (admits(after, before)) return 'loosens';
  return admits(before, after) ? 'tightens' : 'unknown';
}
