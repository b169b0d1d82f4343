/**
 * Values of Rego: JSON values, sets, and objects whose keys are any value. Integers outside the range a JavaScript
 * number holds exactly are bigints, and only those. Values never change once they can be seen by a rule.
 */
export type RegoValue = null | boolean | number | bigint | string | RegoArray | RegoObject | RegoSet;

/** Elements a value holds, itself and nested ones included; texts count one more for every 64 characters. */
export function sizeOf(value: RegoValue): number {
  if (typeof value === 'string') return 1 + (value.length >> 6);
  return isComposite(value) ? value.size : 1;
}

export class RegoArray {
  readonly items: readonly RegoValue[];
  readonly size: number;

  constructor(items: readonly RegoValue[]) {
    let size = 1;
    for (const item of items) size += sizeOf(item);
    this.items = items;
    this.size = size;
  }
}

export class RegoSet {
  readonly #members = new Map<string, RegoValue>();
  #sorted: readonly RegoValue[] | undefined;
  size = 1;

  static of(values: Iterable<RegoValue>): RegoSet {
    const set = new RegoSet();
    for (const value of values) set.add(value);
    return set;
  }

  get count(): number {
    return this.#members.size;
  }

  has(value: RegoValue): boolean {
    return this.#members.has(keyOf(value));
  }

  /** Only while the set is being made. */
  add(value: RegoValue): void {
    const key = keyOf(value);
    if (this.#members.has(key)) return;
    this.#members.set(key, value);
    this.#sorted = undefined;
    this.size += sizeOf(value);
  }

  /** Members in the order of `compareValues`. */
  sorted(): readonly RegoValue[] {
    this.#sorted ??= [...this.#members.values()].sort(compareValues);
    return this.#sorted;
  }
}

export interface RegoEntry {
  readonly key: RegoValue;
  readonly value: RegoValue;
}

export class RegoObject {
  readonly #entries = new Map<string, RegoEntry>();
  #sorted: readonly RegoEntry[] | undefined;
  size = 1;

  static of(entries: Iterable<readonly [RegoValue, RegoValue]>): RegoObject {
    const object = new RegoObject();
    for (const [key, value] of entries) object.set(key, value);
    return object;
  }

  get count(): number {
    return this.#entries.size;
  }

  get(key: RegoValue): RegoValue | undefined {
    return this.#entries.get(keyOf(key))?.value;
  }

  has(key: RegoValue): boolean {
    return this.#entries.has(keyOf(key));
  }

  /** Only while the object is being made. A later value replaces an earlier one. */
  set(key: RegoValue, value: RegoValue): void {
    const text = keyOf(key);
    const before = this.#entries.get(text);
    if (before !== undefined) this.size -= sizeOf(before.key) + sizeOf(before.value);
    this.#entries.set(text, { key, value });
    this.#sorted = undefined;
    this.size += sizeOf(key) + sizeOf(value);
  }

  /** Entries in the order of their keys. */
  sorted(): readonly RegoEntry[] {
    this.#sorted ??= [...this.#entries.values()].sort((a, b) => compareValues(a.key, b.key));
    return this.#sorted;
  }
}

export function isComposite(value: RegoValue): value is RegoArray | RegoObject | RegoSet {
  return typeof value === 'object' && value !== null;
}

export function isNumber(value: RegoValue | undefined): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** A text that two values share exactly when Rego holds them equal. */
export function keyOf(value: RegoValue): string {
  if (typeof value === 'string') return `"${value}`;
  if (!isComposite(value)) return String(value);
  return nestedKey(value);
}

function nestedKey(value: RegoValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (!isComposite(value)) return String(value);
  if (value instanceof RegoArray) return `[${value.items.map(nestedKey).join()}]`;
  if (value instanceof RegoSet) return `<${value.sorted().map(nestedKey).join()}>`;
  return `{${value
    .sorted()
    .map((entry) => `${nestedKey(entry.key)}:${nestedKey(entry.value)}`)
    .join()}}`;
}

/** Order of types: null, boolean, number, string, array, object, set. */
function rankOf(value: RegoValue): number {
  if (value === null) return 0;
  switch (typeof value) {
    case 'boolean':
      return 1;
    case 'number':
    case 'bigint':
      return 2;
    case 'string':
      return 3;
    default:
      return value instanceof RegoArray ? 4 : value instanceof RegoObject ? 5 : 6;
  }
}

/** The total order of Rego values: by type, then by content; negative, zero or positive. */
export function compareValues(a: RegoValue, b: RegoValue): number {
  const byRank = rankOf(a) - rankOf(b);
  if (byRank !== 0) return byRank;
  if (typeof a === 'string') return compareTexts(a, b as string);
  if (a instanceof RegoArray) return compareLists(a.items, (b as RegoArray).items);
  if (a instanceof RegoSet) return compareLists(a.sorted(), (b as RegoSet).sorted());
  if (a instanceof RegoObject) return compareObjects(a, b as RegoObject);
  if (a === b || a === null || b === null) return 0;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function equalValues(a: RegoValue, b: RegoValue): boolean {
  if (a === b) return true;
  if (!isComposite(a) || !isComposite(b)) return false;
  return a.size === b.size && compareValues(a, b) === 0;
}

/** Order of the UTF-8 forms, which is the order of code points. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return pastSurrogates(left) - pastSurrogates(right);
  }
  return a.length - b.length;
}

function pastSurrogates(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function compareLists(a: readonly RegoValue[], b: readonly RegoValue[]): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const order = compareValues(a[at] ?? null, b[at] ?? null);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareObjects(a: RegoObject, b: RegoObject): number {
  const left = a.sorted();
  const right = b.sorted();
  for (let at = 0; at < left.length && at < right.length; at++) {
    const order = compareValues(left[at]?.key ?? null, right[at]?.key ?? null);
    if (order !== 0) return order;
    const byValue = compareValues(left[at]?.value ?? null, right[at]?.value ?? null);
    if (byValue !== 0) return byValue;
  }
  return left.length - right.length;
}
