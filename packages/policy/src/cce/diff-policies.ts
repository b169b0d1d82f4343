import type { LiteralObject, LiteralValue } from '../rego-literals/index.ts';
import { isLiteralArray, isLiteralObject } from '../rego-literals/index.ts';
import { compareContainers, stringOf } from './diff-containers.ts';
import { canonical, type Effect, type PolicyChange, pairUp, setChanges, sameValue } from './diff-values.ts';
import { containerLabel } from './lint-containers.ts';
import { measureCceText } from './measure.ts';
import { type CcePolicyDocument, readCcePolicy } from './read-policy.ts';

/** What changed from one policy to another. */
export interface PolicyDiff {
  /** Whether HOST_DATA changes: with any byte. */
  readonly measurementChanges: boolean;
  readonly before: string;
  readonly after: string;
  /** In order of the document. Empty when only formatting, order or what the guest ignores changed. */
  readonly changes: readonly PolicyChange[];
}

/**
 * Compares two CCE policies by their meaning. Containers are paired by name, then id, then layers. Order counts for
 * layers and commands only.
 * @throws MalformedError REGO_MALFORMED, REGO_TOO_LARGE, CCE_POLICY_INVALID
 */
export function diffCcePolicies(before: string, after: string): PolicyDiff {
  const [a, b] = [readCcePolicy(before), readCcePolicy(after)];
  const digests = [measureCceText(before).sha256, measureCceText(after).sha256] as const;
  const changes = [
    ...scalarChanges(a, b),
    ...fragmentChanges(a.fragments, b.fragments),
    ...containerChanges(a.containers, b.containers),
    ...flagChanges(a, b),
    ...mapChanges('', a.points, b.points, pointEffect),
    ...mapChanges('', a.others, b.others, () => 'unknown'),
    ...customChanges(a, b, before !== after),
  ];
  return { measurementChanges: digests[0] !== digests[1], before: digests[0], after: digests[1], changes };
}

function scalarChanges(a: CcePolicyDocument, b: CcePolicyDocument): PolicyChange[] {
  const members = [
    ['package', a.package, b.package],
    ['api_version', a.apiVersion, b.apiVersion],
    ['framework_version', a.frameworkVersion, b.frameworkVersion],
    ['svn', a.svn, b.svn],
  ] as const;
  return members.flatMap(([path, before, after]) => change(path, before, after, () => 'unknown'));
}

type Judge = (before: LiteralValue | undefined, after: LiteralValue | undefined) => Effect;

function change(
  path: string,
  before: LiteralValue | undefined,
  after: LiteralValue | undefined,
  judge: Judge,
): PolicyChange[] {
  if (sameValue(before, after)) return [];
  const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return [{ path, kind, before, after, effect: judge(before, after) }];
}

function mapChanges(
  prefix: string,
  a: ReadonlyMap<string, LiteralValue>,
  b: ReadonlyMap<string, LiteralValue>,
  judge: Judge,
): PolicyChange[] {
  const names = [...a.keys(), ...[...b.keys()].filter((name) => !a.has(name))];
  return names.flatMap((name) => change(prefix + name, a.get(name), b.get(name), judge));
}

/** An undefined flag behaves like false, and each flag that is true allows more. */
function flagChanges(a: CcePolicyDocument, b: CcePolicyDocument): PolicyChange[] {
  return mapChanges('', a.flags, b.flags, (before, after) => {
    if ((before ?? false) === (after ?? false)) return 'neutral';
    return after === true ? 'loosens' : 'tightens';
  });
}

function pointEffect(before: LiteralValue | undefined, after: LiteralValue | undefined): Effect {
  const [was, is] = [alwaysAllows(before), alwaysAllows(after)];
  if (was === is) return 'unknown';
  return is ? 'loosens' : 'tightens';
}

function alwaysAllows(value: LiteralValue | undefined): boolean {
  return value === true || (isLiteralObject(value) && value['allowed'] === true);
}

function fragmentChanges(a: readonly LiteralObject[], b: readonly LiteralObject[]): PolicyChange[] {
  const key = (fragment: LiteralObject) => `${stringOf(fragment['issuer'])} ${stringOf(fragment['feed'])}`;
  return pairs(a, b, [key]).flatMap(([before, after]) => {
    const path = `fragments[${stringOf((before ?? after)?.['feed'])}]`;
    if (before === undefined || after === undefined) {
      return change(path, before, after, () => (before === undefined ? 'loosens' : 'tightens'));
    }
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => {
      const [was, is] = [before[name], after[name]];
      if (name === 'includes') return setChanges(`${path}.includes`, was, is, 'loosens');
      return change(`${path}.${name}`, was, is, name === 'minimum_svn' ? svnEffect : () => 'unknown');
    });
  });
}

function svnEffect(before: LiteralValue | undefined, after: LiteralValue | undefined): Effect {
  const [was, is] = [Number(before), Number(after)];
  if (Number.isNaN(was) || Number.isNaN(is)) return 'unknown';
  if (was === is) return 'neutral';
  return is > was ? 'tightens' : 'loosens';
}

function containerChanges(a: readonly LiteralObject[], b: readonly LiteralObject[]): PolicyChange[] {
  const keys = [
    (container: LiteralObject) => (typeof container['name'] === 'string' ? container['name'] : undefined),
    (container: LiteralObject) => (typeof container['id'] === 'string' ? container['id'] : undefined),
    (container: LiteralObject) => (isLiteralArray(container['layers']) ? canonical(container['layers']) : undefined),
  ];
  return pairs(a, b, keys).flatMap(([before, after]) => {
    const container = before ?? after;
    if (container === undefined) return [];
    const path = `containers[${containerLabel(container, (before === undefined ? b : a).indexOf(container))}]`;
    if (before === undefined) return change(path, undefined, after, () => 'loosens');
    if (after === undefined) return change(path, before, undefined, () => 'tightens');
    return compareContainers(path, before, after);
  });
}

type Key = (value: LiteralObject) => string | undefined;

/** Pairs entries of two lists by the first key that agrees, in order; entries without a partner come alone. */
function pairs(
  a: readonly LiteralObject[],
  b: readonly LiteralObject[],
  keys: readonly Key[],
): (readonly [LiteralObject | undefined, LiteralObject | undefined])[] {
  const partner = new Map<LiteralObject, LiteralObject>();
  let free: readonly LiteralObject[] = b;
  for (const key of keys) {
    const { pairs: found, rest } = pairUp(
      a.filter((entry) => !partner.has(entry)),
      free,
      key,
    );
    for (const [entry, other] of found) if (other !== undefined) partner.set(entry, other);
    free = rest;
  }
  return [
    ...a.map((entry) => [entry, partner.get(entry)] as const),
    ...free.map((entry) => [undefined, entry] as const),
  ];
}

/** Custom Rego cannot be compared by meaning: any difference between such documents may hide in it. */
function customChanges(a: CcePolicyDocument, b: CcePolicyDocument, differ: boolean): PolicyChange[] {
  const rules = (policy: CcePolicyDocument) => policy.customRules.map((rule) => rule.excerpt);
  const [before, after] = [rules(a), rules(b)];
  if (!differ || before.length + after.length === 0) return [];
  return [{ path: 'custom rules', kind: 'changed', before, after, effect: 'unknown' }];
}
