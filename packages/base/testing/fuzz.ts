import { PlatformError } from '@holdfast/base';
import fc from 'fast-check';

type Path = readonly (string | number)[];

/** One UTF-16 unit: mostly printable ASCII, also control characters and halves of surrogate pairs. */
const unit = fc
  .oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
    { weight: 1, arbitrary: fc.nat({ max: 0xffff }) },
  )
  .map((code) => String.fromCharCode(code));

/**
 * JSON texts near a valid one: cut off, one character changed, one value anywhere in it replaced, removed or doubled; and
 * texts that are nothing of the kind.
 */
export function damagedJson(valid: unknown): fc.Arbitrary<string> {
  const text = JSON.stringify(valid);
  const paths = pathsOf(valid).filter((path) => path.length > 0);
  const path = fc.constantFrom<Path>(...(paths.length > 0 ? paths : [[]]));
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(path, fc.jsonValue()).map(([at, value]) => edited(valid, at, () => value)) },
    { weight: 2, arbitrary: path.map((at) => edited(valid, at, () => undefined)) },
    { weight: 1, arbitrary: path.map((at) => edited(valid, at, (value) => [value, value])) },
    { weight: 2, arbitrary: damagedText(text) },
    { weight: 1, arbitrary: fc.json() },
  );
}

/** Texts near a valid one, cut off or with one character changed, and arbitrary texts. */
export function damagedText(valid: string): fc.Arbitrary<string> {
  const at = fc.nat({ max: Math.max(valid.length - 1, 0) });
  return fc.oneof(
    { weight: 3, arbitrary: at.map((end) => valid.slice(0, end)) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(at, fc.string({ unit, maxLength: 2 }))
        .map(([index, put]) => valid.slice(0, index) + put + valid.slice(index + 1)),
    },
    { weight: 1, arbitrary: fc.string({ unit, maxLength: 200 }) },
  );
}

/** Bytes near valid ones, cut off, lengthened or with one bit flipped, and arbitrary bytes. */
export function damagedBytes(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: Math.max(valid.length - 1, 0) });
  return fc.oneof(
    { weight: 3, arbitrary: at.map((end) => valid.slice(0, end)) },
    {
      weight: 3,
      arbitrary: fc.tuple(at, fc.nat({ max: 7 })).map(([index, bit]) => {
        const flipped = valid.slice();
        flipped[index] = (flipped[index] ?? 0) ^ (1 << bit);
        return flipped;
      }),
    },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => Uint8Array.of(...valid, ...more)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  );
}

/**
 * Runs a parser and answers its result, or undefined when it refused its input with one of the errors it names. Every
 * other error comes out.
 */
export function refusedOnlyWith<T>(codes: readonly string[], parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof PlatformError && codes.includes(error.code)) return undefined;
    throw error;
  }
}

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, member]) => pathsOf(member, [...path, name]))];
}

function edited(valid: unknown, path: Path, edit: (value: unknown) => unknown): string {
  const copy = structuredClone(valid);
  let at = copy as Record<string | number, unknown>;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string | number, unknown>;
  const last = path.at(-1);
  if (last !== undefined) at[last] = edit(at[last]);
  return JSON.stringify(copy);
}
