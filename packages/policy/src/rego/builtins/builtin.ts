import type { Evaluation } from '../evaluation.ts';
import type { RegoObservation } from '../observation.ts';
import { isNumber, RegoArray, RegoObject, RegoSet } from '../value.ts';
import type { RegoValue } from '../value.ts';
import type { RegexCache } from './regex-cache.ts';

/** What built-ins need from outside the evaluation. */
export interface BuiltinServices {
  readonly regexes: RegexCache;
  /** Milliseconds since 1970, the same during one query; absent when the engine has no clock. */
  readonly now: number | undefined;
  /** Told what is compared and which host functions are called; absent unless somebody wants an explanation. */
  readonly observe: ((observation: RegoObservation) => void) | undefined;
}

/** A function of the language. It answers undefined for arguments it has no result for. */
export interface Builtin {
  /** Absent when any number of arguments will do. */
  readonly arity: number | undefined;
  call(values: readonly RegoValue[], evaluation: Evaluation): RegoValue | undefined;
}

export type BuiltinTable = Readonly<Record<string, Builtin>>;

/** A built-in with one argument of a type. */
export function unary<A extends RegoValue>(
  first: (value: RegoValue | undefined) => A | undefined,
  compute: (a: A, evaluation: Evaluation) => RegoValue | undefined,
): Builtin {
  return {
    arity: 1,
    call: ([a], evaluation) => {
      const left = first(a);
      return left === undefined ? undefined : compute(left, evaluation);
    },
  };
}

/** A built-in with two arguments of given types. */
export function binary<A extends RegoValue, B extends RegoValue>(
  first: (value: RegoValue | undefined) => A | undefined,
  second: (value: RegoValue | undefined) => B | undefined,
  compute: (a: A, b: B, evaluation: Evaluation) => RegoValue | undefined,
): Builtin {
  return {
    arity: 2,
    call: ([a, b], evaluation) => {
      const left = first(a);
      const right = second(b);
      return left === undefined || right === undefined ? undefined : compute(left, right, evaluation);
    },
  };
}

export function ternary<A extends RegoValue, B extends RegoValue, C extends RegoValue>(
  first: (value: RegoValue | undefined) => A | undefined,
  second: (value: RegoValue | undefined) => B | undefined,
  third: (value: RegoValue | undefined) => C | undefined,
  compute: (a: A, b: B, c: C, evaluation: Evaluation) => RegoValue | undefined,
): Builtin {
  return {
    arity: 3,
    call: ([a, b, c], evaluation) => {
      const one = first(a);
      const two = second(b);
      const three = third(c);
      if (one === undefined || two === undefined || three === undefined) return undefined;
      return compute(one, two, three, evaluation);
    },
  };
}

export function any(value: RegoValue | undefined): RegoValue | undefined {
  return value;
}

export function text(value: RegoValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function numeric(value: RegoValue | undefined): number | bigint | undefined {
  return isNumber(value) ? value : undefined;
}

/** An integer that a JavaScript number holds exactly. */
export function integer(value: RegoValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
}

export function array(value: RegoValue | undefined): RegoArray | undefined {
  return value instanceof RegoArray ? value : undefined;
}

export function set(value: RegoValue | undefined): RegoSet | undefined {
  return value instanceof RegoSet ? value : undefined;
}

export function object(value: RegoValue | undefined): RegoObject | undefined {
  return value instanceof RegoObject ? value : undefined;
}

/** An array or set. */
export function list(value: RegoValue | undefined): RegoArray | RegoSet | undefined {
  return value instanceof RegoArray || value instanceof RegoSet ? value : undefined;
}

export function itemsOf(value: RegoArray | RegoSet): readonly RegoValue[] {
  return value instanceof RegoArray ? value.items : value.sorted();
}

/** Texts of an array or set; undefined when it holds anything else. */
export function textsOf(value: RegoArray | RegoSet): readonly string[] | undefined {
  const texts: string[] = [];
  for (const item of itemsOf(value)) {
    if (typeof item !== 'string') return undefined;
    texts.push(item);
  }
  return texts;
}

/** The Unicode code points of a text, which is what built-ins count. */
export function codePoints(value: string): string[] {
  return Array.from(value);
}
