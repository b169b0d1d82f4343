import { compareValues, equalValues, RegoArray, RegoObject, RegoSet, sizeOf } from '../value.ts';
import type { RegoValue } from '../value.ts';
import { any, array, binary, codePoints, integer, itemsOf, list, object, set, ternary, unary } from './builtin.ts';
import type { Builtin, BuiltinTable } from './builtin.ts';

const count: Builtin = unary(any, (value) => {
  if (typeof value === 'string') return codePoints(value).length;
  if (value instanceof RegoArray) return value.items.length;
  return value instanceof RegoObject || value instanceof RegoSet ? value.count : undefined;
});

function extreme(direction: 1 | -1): Builtin {
  return unary(list, (values, { budget }) => {
    budget.spend(values.size);
    let best: RegoValue | undefined;
    for (const item of itemsOf(values)) {
      if (best === undefined || compareValues(item, best) * direction > 0) best = item;
    }
    return best;
  });
}

function union(sets: readonly RegoSet[]): RegoSet {
  return RegoSet.of(sets.flatMap((one) => one.sorted()));
}

function intersection(sets: readonly RegoSet[]): RegoSet {
  const [first, ...others] = sets;
  if (first === undefined) return new RegoSet();
  return RegoSet.of(first.sorted().filter((member) => others.every((other) => other.has(member))));
}

function setOperation(combine: (sets: readonly RegoSet[]) => RegoSet): Builtin {
  return binary(set, set, (a, b, { budget }) => {
    budget.spend(a.size + b.size);
    return combine([a, b]);
  });
}

function ofSets(combine: (sets: readonly RegoSet[]) => RegoSet): Builtin {
  return unary(set, (sets, { budget }) => {
    budget.spend(sets.size);
    const members = sets.sorted().map(set);
    return members.includes(undefined) ? undefined : combine(members.filter((member) => member !== undefined));
  });
}

/** Members of the second win; objects under the same key are joined. */
function merge(a: RegoValue, b: RegoValue): RegoValue {
  if (!(a instanceof RegoObject) || !(b instanceof RegoObject)) return b;
  const joined = new RegoObject();
  for (const { key, value } of a.sorted()) joined.set(key, value);
  for (const { key, value } of b.sorted()) {
    const before = joined.get(key);
    joined.set(key, before === undefined ? value : merge(before, value));
  }
  return joined;
}

const objectGet: Builtin = ternary(any, any, any, (container, key, fallback) => {
  if (!(container instanceof RegoObject)) return undefined;
  if (!(key instanceof RegoArray)) return container.get(key) ?? fallback;
  let found: RegoValue | undefined = container;
  for (const name of key.items) {
    if (found instanceof RegoObject) found = found.get(name);
    else if (found instanceof RegoArray && typeof name === 'number') found = found.items[name];
    else if (found instanceof RegoSet) found = found.has(name) ? name : undefined;
    else found = undefined;
  }
  return found ?? fallback;
});

/** Keys may come as array, set or object. */
function keysOf(value: RegoValue): readonly RegoValue[] | undefined {
  if (value instanceof RegoObject) return value.sorted().map((entry) => entry.key);
  const keys = list(value);
  return keys === undefined ? undefined : itemsOf(keys);
}

function selecting(keep: boolean): Builtin {
  return binary(object, any, (container, keys) => {
    const listed = keysOf(keys);
    if (listed === undefined) return undefined;
    const names = RegoSet.of(listed);
    return RegoObject.of(
      container
        .sorted()
        .filter((entry) => names.has(entry.key) === keep)
        .map((entry) => [entry.key, entry.value]),
    );
  });
}

/** Whether the first holds everything of the second, at every depth. */
function isSuperset(whole: RegoValue, part: RegoValue): boolean | undefined {
  if (whole instanceof RegoObject && part instanceof RegoObject) {
    return part.sorted().every(({ key, value }) => {
      const own = whole.get(key);
      if (own === undefined) return false;
      return equalValues(own, value) || (sameKind(own, value) && isSuperset(own, value) === true);
    });
  }
  if (whole instanceof RegoSet && part instanceof RegoSet) return part.sorted().every((member) => whole.has(member));
  if (whole instanceof RegoArray && part instanceof RegoArray) {
    const wanted = part.items;
    if (wanted.length === 0) return true;
    return whole.items.some((_, start) =>
      wanted.every((item, at) => {
        const own = whole.items[start + at];
        return own !== undefined && equalValues(own, item);
      }),
    );
  }
  if (whole instanceof RegoArray && part instanceof RegoSet) {
    const members = RegoSet.of(whole.items);
    return part.sorted().every((member) => members.has(member));
  }
  return undefined;
}

function sameKind(a: RegoValue, b: RegoValue): boolean {
  return (
    (a instanceof RegoObject && b instanceof RegoObject) ||
    (a instanceof RegoSet && b instanceof RegoSet) ||
    (a instanceof RegoArray && b instanceof RegoArray)
  );
}

export const collectionBuiltins: BuiltinTable = {
  count,
  max: extreme(1),
  min: extreme(-1),
  sort: unary(list, (values, { budget }) => {
    budget.spend(values.size * 4);
    return new RegoArray([...itemsOf(values)].sort(compareValues));
  }),
  all: unary(list, (values) => itemsOf(values).every((item) => item === true)),
  any: unary(list, (values) => itemsOf(values).includes(true)),
  and: setOperation(intersection),
  or: setOperation(union),
  union: ofSets(union),
  intersection: ofSets(intersection),
  'array.concat': binary(array, array, (a, b, { budget }) => {
    budget.spend(a.items.length + b.items.length);
    return new RegoArray([...a.items, ...b.items]);
  }),
  'array.slice': ternary(array, integer, integer, (values, from, to, { budget }) => {
    budget.spend(values.items.length);
    const start = Math.max(0, from);
    return new RegoArray(values.items.slice(start, Math.max(start, to)));
  }),
  'array.reverse': unary(array, (values, { budget }) => {
    budget.spend(values.items.length);
    return new RegoArray(values.items.toReversed());
  }),
  'object.get': objectGet,
  'object.keys': unary(object, (container) => RegoSet.of(container.sorted().map((entry) => entry.key))),
  'object.remove': selecting(false),
  'object.filter': selecting(true),
  'object.subset': binary(any, any, (whole, part, { budget }) => {
    budget.spend(sizeOf(whole) + sizeOf(part));
    return isSuperset(whole, part);
  }),
  'object.union': binary(object, object, (a, b, { budget }) => {
    budget.spend(a.size + b.size);
    return merge(a, b);
  }),
  'object.union_n': unary(array, (objects, { budget }) => {
    let joined: RegoValue = new RegoObject();
    for (const item of objects.items) {
      if (!(item instanceof RegoObject)) return undefined;
      budget.spend(sizeOf(joined) + item.size);
      joined = merge(joined, item);
    }
    return joined;
  }),
};
