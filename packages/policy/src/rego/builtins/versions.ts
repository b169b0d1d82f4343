import { binary, text, unary, any } from './builtin.ts';
import type { BuiltinTable } from './builtin.ts';

const semver = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

interface Version {
  readonly numbers: readonly bigint[];
  readonly pre: readonly string[];
}

function parse(value: string): Version | undefined {
  const match = value.length > 1000 ? null : semver.exec(value);
  if (match === null) return undefined;
  return { numbers: match.slice(1, 4).map(BigInt), pre: match[4]?.split('.') ?? [] };
}

/** Precedence of Semantic Versioning 2.0.0, section 11. */
function compare(a: Version, b: Version): number {
  for (const [at, number] of a.numbers.entries()) {
    const other = b.numbers[at] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  if (a.pre.length === 0 || b.pre.length === 0) return Math.sign(b.pre.length - a.pre.length);
  for (let at = 0; at < a.pre.length && at < b.pre.length; at++) {
    const order = comparePart(a.pre[at] ?? '', b.pre[at] ?? '');
    if (order !== 0) return order;
  }
  return Math.sign(a.pre.length - b.pre.length);
}

function comparePart(a: string, b: string): number {
  const numbers = [a, b].map((part) => /^\d+$/.test(part));
  if (numbers[0] === true && numbers[1] === true) return Math.sign(Number(BigInt(a) - BigInt(b)));
  if (numbers[0] !== numbers[1]) return numbers[0] === true ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

export const versionBuiltins: BuiltinTable = {
  'semver.is_valid': unary(any, (value) => typeof value === 'string' && parse(value) !== undefined),
  'semver.compare': binary(text, text, (a, b) => {
    const left = parse(a);
    const right = parse(b);
    return left === undefined || right === undefined ? undefined : compare(left, right);
  }),
};
