import type { Evaluation } from '../evaluation.ts';
import { rulesUnderEvaluation } from '../observation.ts';
import type { RegoComparisonOperator } from '../observation.ts';
import { compareValues, equalValues, RegoArray, RegoObject, RegoSet, sizeOf } from '../value.ts';
import type { RegoValue } from '../value.ts';
import type { Builtin, BuiltinTable } from './builtin.ts';

function comparing(operator: RegoComparisonOperator, test: (order: number) => boolean): Builtin {
  return {
    arity: 2,
    call: ([left = null, right = null], evaluation) => {
      evaluation.budget.spend(Math.min(sizeOf(left), sizeOf(right)) - 1);
      const holds = test(compareValues(left, right));
      if (evaluation.services.observe !== undefined) report(evaluation, { operator, left, right, holds });
      return holds;
    },
  };
}

function report(
  evaluation: Evaluation,
  comparison: {
    readonly operator: RegoComparisonOperator;
    readonly left: RegoValue;
    readonly right: RegoValue;
    readonly holds: boolean;
  },
): void {
  evaluation.services.observe?.({ kind: 'comparison', ...comparison, rules: rulesUnderEvaluation(evaluation) });
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
  equal: comparing('==', (order) => order === 0),
  neq: comparing('!=', (order) => order !== 0),
  lt: comparing('<', (order) => order < 0),
  lte: comparing('<=', (order) => order <= 0),
  gt: comparing('>', (order) => order > 0),
  gte: comparing('>=', (order) => order >= 0),
  'internal.member_2': {
    arity: 2,
    call: ([member = null, collection = null], evaluation) => {
      evaluation.budget.spend(sizeOf(collection) / 8);
      const holds = contains(collection, undefined, member);
      if (evaluation.services.observe !== undefined) {
        report(evaluation, { operator: 'in', left: member, right: collection, holds });
      }
      return holds;
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
