import { compareValues, equalValues, RegoArray, RegoObject, RegoSet, sizeOf } from '../value.ts';
import type { RegoValue } from '../value.ts';
import type { Builtin, BuiltinTable } from './builtin.ts';

function comparing(holds: (order: number) => boolean): Builtin {
  return {
    arity: 2,
    call: ([a = null, b = null], { budget }) => {
      budget.spend(Math.min(sizeOf(a), sizeOf(b)) - 1);
      return holds(compareValues(a, b));
    },
  };
}

function contains(collection: RegoValue, key: RegoValue | undefined, member: RegoValue): boolean {
  if (collection instanceof RegoArray) {
    return key === undefined
      ? collection.items.some((item) => equalValues(item, member))
      : typeof key === 'number' && isEqual(collection.items[key], member);
  }
  if (collection instanceof RegoSet) return collection.has(member) && (key === undefined || equalValues(key, member));
  if (!(collection instanceof RegoObject)) return false;
  if (key !== undefined) return isEqual(collection.get(key), member);
  return collection.sorted().some((entry) => equalValues(entry.value, member));
}

function isEqual(found: RegoValue | undefined, wanted: RegoValue): boolean {
  return found !== undefined && equalValues(found, wanted);
}

/** `==`, `<`, … and `in`. Values of different types compare by type. */
export const comparisonBuiltins: BuiltinTable = {
  equal: comparing((order) => order === 0),
  neq: comparing((order) => order !== 0),
  lt: comparing((order) => order < 0),
  lte: comparing((order) => order <= 0),
  gt: comparing((order) => order > 0),
  gte: comparing((order) => order >= 0),
  'internal.member_2': {
    arity: 2,
    call: ([member = null, collection = null], { budget }) => {
      budget.spend(sizeOf(collection) / 8);
      return contains(collection, undefined, member);
    },
  },
  'internal.member_3': {
    arity: 3,
    call: ([key = null, member = null, collection = null], { budget }) => {
      budget.spend(sizeOf(member));
      return contains(collection, key, member);
    },
  },
};
