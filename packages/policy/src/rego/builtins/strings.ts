import { RegoArray } from '../value.ts';
import type { RegoValue } from '../value.ts';
import type { Budget } from '../limits.ts';
import {
  any,
  array,
  binary,
  codePoints,
  integer,
  itemsOf,
  list,
  numeric,
  object,
  ternary,
  text,
  textsOf,
  unary,
} from './builtin.ts';
import type { Builtin, BuiltinTable } from './builtin.ts';
import { formatText } from './sprintf.ts';

/** Characters are Unicode code points in every function that counts them. */
function textPredicate(holds: (a: string, b: string) => boolean): Builtin {
  return binary(text, text, (a, b, { budget }) => {
    budget.spendText(a.length);
    return holds(a, b);
  });
}

function textFunction(compute: (a: string, b: string) => string): Builtin {
  return binary(text, text, (a, b, { budget }) => {
    budget.spendText(a.length);
    return compute(a, b);
  });
}

function mapText(compute: (value: string) => string): Builtin {
  return unary(text, (value, { budget }) => {
    budget.spendText(value.length);
    return compute(value);
  });
}

const concat: Builtin = binary(text, list, (separator, parts, { budget }) => {
  const texts = textsOf(parts);
  if (texts === undefined) return undefined;
  let length = separator.length * texts.length;
  for (const part of texts) length += part.length;
  budget.spendText(length);
  return texts.join(separator);
});

function split(value: string, separator: string, budget: Budget): RegoArray {
  budget.spendText(value.length * 16);
  return new RegoArray(separator === '' ? codePoints(value) : value.split(separator));
}

function replaceAll(value: string, from: string, to: string, budget: Budget): string {
  const places = from === '' ? value.length + 1 : value.split(from).length - 1;
  budget.spendText(value.length + places * to.length);
  if (from !== '') return value.split(from).join(to);
  return (
    to +
    codePoints(value)
      .map((character) => character + to)
      .join('')
  );
}

/** Replaces in one pass; at each place the key that comes first in order wins. */
const replaceMany: Builtin = binary(object, text, (patterns, value, { budget }) => {
  const pairs: (readonly [string, string])[] = [];
  for (const entry of patterns.sorted()) {
    if (typeof entry.key !== 'string' || typeof entry.value !== 'string') return undefined;
    pairs.push([entry.key, entry.value]);
  }
  let result = '';
  for (let at = 0; at < value.length;) {
    const pair = pairs.find(([from]) => from !== '' && value.startsWith(from, at));
    const written = pair?.[1] ?? value.charAt(at);
    budget.spend(pairs.length + written.length / 64);
    result += written;
    at += pair?.[0].length ?? 1;
  }
  return result;
});

const substring: Builtin = ternary(text, integer, integer, (value, offset, length, { budget }) => {
  if (offset < 0) return undefined;
  budget.spendText(value.length);
  const characters = codePoints(value);
  return characters.slice(offset, length < 0 ? undefined : offset + length).join('');
});

function codePointIndex(value: string, unit: number): number {
  return codePoints(value.slice(0, unit)).length;
}

const indexOf: Builtin = binary(text, text, (value, part, { budget }) => {
  if (part === '') return undefined;
  budget.spendText(value.length);
  const at = value.indexOf(part);
  return at === -1 ? -1 : codePointIndex(value, at);
});

const indexOfAll: Builtin = binary(text, text, (value, part, { budget }) => {
  if (part === '') return undefined;
  const found: number[] = [];
  for (let at = value.indexOf(part); at !== -1; at = value.indexOf(part, at + 1)) {
    budget.spendText(at);
    found.push(codePointIndex(value, at));
  }
  return new RegoArray(found);
});

/** Removes characters of a set from the ends. */
function trimmer(left: boolean, right: boolean): Builtin {
  return textFunction((value, characters) => {
    const cut = new Set(characters);
    const letters = codePoints(value);
    let start = 0;
    let end = letters.length;
    if (left) while (start < end && cut.has(letters[start] ?? '')) start++;
    if (right) while (end > start && cut.has(letters[end - 1] ?? '')) end--;
    return letters.slice(start, end).join('');
  });
}

const goSpace =
  /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g;

const formatInt: Builtin = binary(numeric, integer, (value, base) => {
  if (base !== 2 && base !== 8 && base !== 10 && base !== 16) return undefined;
  return (typeof value === 'bigint' ? value : BigInt(Math.trunc(value))).toString(base);
});

/** One text or several on either side: any pair that fits is enough. */
function anyMatch(fits: (value: string, part: string) => boolean): Builtin {
  return binary(any, any, (values, parts, { budget }) => {
    const left = textOrTexts(values);
    const right = textOrTexts(parts);
    if (left === undefined || right === undefined) return undefined;
    budget.spend(left.length * right.length);
    return left.some((value) => right.some((part) => fits(value, part)));
  });
}

function textOrTexts(value: RegoValue): readonly string[] | undefined {
  if (typeof value === 'string') return [value];
  const many = list(value);
  return many === undefined ? undefined : textsOf(many);
}

export const stringBuiltins: BuiltinTable = {
  concat,
  contains: textPredicate((value, part) => value.includes(part)),
  startswith: textPredicate((value, part) => value.startsWith(part)),
  endswith: textPredicate((value, part) => value.endsWith(part)),
  format_int: formatInt,
  indexof: indexOf,
  indexof_n: indexOfAll,
  lower: mapText((value) => value.toLowerCase()),
  upper: mapText((value) => value.toUpperCase()),
  replace: ternary(text, text, text, (value, from, to, { budget }) => replaceAll(value, from, to, budget)),
  'strings.replace_n': replaceMany,
  'strings.reverse': mapText((value) => codePoints(value).toReversed().join('')),
  'strings.any_prefix_match': anyMatch((value, part) => value.startsWith(part)),
  'strings.any_suffix_match': anyMatch((value, part) => value.endsWith(part)),
  'strings.count': binary(text, text, (value, part, { budget }) => {
    budget.spendText(value.length * 16);
    return part === '' ? codePoints(value).length + 1 : value.split(part).length - 1;
  }),
  split: binary(text, text, (value, separator, { budget }) => split(value, separator, budget)),
  sprintf: binary(text, array, (format, values, { budget }) => formatText(format, itemsOf(values), budget)),
  substring,
  trim: trimmer(true, true),
  trim_left: trimmer(true, false),
  trim_right: trimmer(false, true),
  trim_prefix: textFunction((value, part) => (value.startsWith(part) ? value.slice(part.length) : value)),
  trim_suffix: textFunction((value, part) =>
    part !== '' && value.endsWith(part) ? value.slice(0, -part.length) : value,
  ),
  trim_space: mapText((value) => value.replace(goSpace, '')),
};
