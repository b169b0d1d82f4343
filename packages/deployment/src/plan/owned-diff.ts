import type { JsonValue } from '../arm/template.ts';
import type { UpdateRules } from '../graph/types.ts';

/** What a difference means for the resource. */
export type ChangeKind =
  /** Written with the next deployment. */
  | 'update'
  /** Written, with consequences for others. */
  | 'disruptive'
  /** Cannot be changed: the resource would have to be made anew. */
  | 'replace';

/** A field that is not as it is written. */
export interface FieldDifference {
  /** `properties.subnets[aks].properties.addressPrefix`: list entries by name where they have one. */
  readonly path: string;
  readonly live: JsonValue | undefined;
  readonly wanted: JsonValue;
  readonly kind: ChangeKind;
  readonly note?: string;
}

/**
 * Compares only the fields that are written: whatever else a resource has is none of our business. Text that names ids,
 * regions or enumerations differs only by case is equal; a minor version equals its patch versions. List entries with
 * names are compared by name, and further ones belong to others.
 */
export function ownedDifferences(
  wanted: JsonValue,
  live: JsonValue | undefined,
  rules: UpdateRules = {},
): readonly FieldDifference[] {
  const found: FieldDifference[] = [];
  compare(wanted, live, { path: '', general: '' }, rules, found);
  return found;
}

interface Place {
  /** With names of list entries. */
  readonly path: string;
  /** With `[]` for list entries, as rules name fields. */
  readonly general: string;
}

function compare(
  wanted: JsonValue,
  live: JsonValue | undefined,
  place: Place,
  rules: UpdateRules,
  found: FieldDifference[],
): void {
  if (isUnevaluated(wanted) || covers(rules.createOnly, place.general)) return;
  if (Array.isArray(wanted)) {
    compareLists(wanted as readonly JsonValue[], live, place, rules, found);
    return;
  }
  if (typeof wanted === 'object' && wanted !== null) {
    const other = isRecord(live) ? live : {};
    for (const [name, value] of Object.entries(wanted)) {
      compare(value, memberOf(other, name), step(place, name), rules, found);
    }
    return;
  }
  if (!sameScalar(wanted, live)) found.push(difference(wanted, live, place, rules));
}

function compareLists(
  wanted: readonly JsonValue[],
  live: JsonValue | undefined,
  place: Place,
  rules: UpdateRules,
  found: FieldDifference[],
): void {
  const others = Array.isArray(live) ? (live as readonly JsonValue[]) : [];
  const named = wanted.length > 0 && wanted.every((item) => keyOf(item) !== undefined);
  if (named) {
    for (const item of wanted) {
      const key = keyOf(item) ?? '';
      const other = others.find((candidate) => keyOf(candidate)?.toLowerCase() === key.toLowerCase());
      const entry: Place = { path: `${place.path}[${key}]`, general: `${place.general}[]` };
      if (other === undefined) found.push(difference(item, undefined, entry, rules));
      else compare(item, other, entry, rules, found);
    }
    return;
  }
  const same = wanted.length === others.length && wanted.every((item, index) => sameScalar(item, others[index]));
  if (!same) found.push(difference(wanted, live, place, rules));
}

/** Entries are told apart by name or id, and delegations by the service they are for. */
export function keyOf(item: JsonValue | undefined): string | undefined {
  if (!isRecord(item)) return undefined;
  const properties = item['properties'];
  const service = isRecord(properties) ? properties['serviceName'] : undefined;
  for (const candidate of [service, item['name'], item['id']]) if (typeof candidate === 'string') return candidate;
  return undefined;
}

function difference(wanted: JsonValue, live: JsonValue | undefined, place: Place, rules: UpdateRules): FieldDifference {
  const base = { path: place.path, live, wanted };
  // A field that is not there yet was never set: setting it is no change of what cannot be changed.
  if (live !== undefined && covers(rules.immutable, place.general)) {
    return { ...base, kind: 'replace', note: 'cannot be changed: the resource would have to be made anew' };
  }
  const consequence = Object.entries(rules.consequences ?? {}).find(([field]) => covers([field], place.general));
  return consequence === undefined
    ? { ...base, kind: 'update' }
    : { ...base, kind: 'disruptive', note: consequence[1] };
}

function covers(fields: readonly string[] | undefined, path: string): boolean {
  return (
    fields?.some((field) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`)) ?? false
  );
}

function step(place: Place, name: string): Place {
  const at = (base: string): string => (base === '' ? name : `${base}.${name}`);
  return { path: at(place.path), general: at(place.general) };
}

function memberOf(record: Readonly<Record<string, JsonValue>>, name: string): JsonValue | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isRecord(value: JsonValue | undefined): value is Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is still an expression of a template. */
export function isUnevaluated(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && value.startsWith('[') && !value.startsWith('[[') && value.endsWith(']');
}

/** Equality as Azure sees it: case does not count, `East US` is `eastus`, and `1.33` is any `1.33.x`. */
export function sameScalar(wanted: JsonValue | undefined, live: JsonValue | undefined): boolean {
  if (typeof wanted === 'string' && typeof live === 'string') {
    const [a, b] = [wanted.toLowerCase(), live.toLowerCase()];
    if (a === b || a.replaceAll(' ', '') === b.replaceAll(' ', '')) return true;
    return /^1\.\d+$/.test(a) ? b.startsWith(`${a}.`) : /^1\.\d+$/.test(b) && a.startsWith(`${b}.`);
  }
  if (typeof wanted === 'object' || typeof live === 'object') return JSON.stringify(wanted) === JSON.stringify(live);
  return wanted === live;
}
