import { refusedOnlyWith, damagedBytes } from '@holdfast/base/testing/fuzz';
import { runsOf } from '@holdfast/base/testing/thorough';
import { readManifests } from '../../src/manifests/index.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const codes = [
  'MANIFEST_TOO_LARGE',
  'MANIFEST_TOO_DEEP',
  'MANIFEST_ENCODING_INVALID',
  'MANIFEST_YAML_INVALID',
  'MANIFEST_KEY_DUPLICATE',
];

const values = (text: string) => readManifests(text).documents.map((document) => document.value);

function code(input: string | Uint8Array): string {
  try {
    readManifests(input);
    return 'accepted';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('readManifests', () => {
  it('answers the documents of a stream in order, empty ones as null', () => {
    expect(values('a: 1\n---\n---\nb: [x, "2"]\n')).toEqual([{ a: 1 }, null, { b: ['x', '2'] }]);
  });

  it('reads scalars as Kubernetes does', () => {
    const text =
      'a: yes\nb: "yes"\nc: 0o17\nd: 017\ne: 1.5\nf: ~\ng: 12:30\nh: 2001-01-01\ni: !!str 12\nj: 0x1F\nk:\n1: y\n';
    expect(values(text)).toEqual([
      {
        a: true,
        b: 'yes',
        c: 15,
        d: 15,
        e: 1.5,
        f: null,
        g: '12:30',
        h: '2001-01-01',
        i: '12',
        j: 31,
        k: null,
        1: 'y',
      },
    ]);
  });

  it('follows aliases and merge keys, own keys first', () => {
    const text = 'base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\ntwo: *b\n';
    expect(values(text)).toEqual([{ base: { x: 1, y: 2 }, one: { x: 1, y: 3 }, two: { x: 1, y: 2 } }]);
  });

  it('keeps a key named __proto__ as an ordinary member', () => {
    const [value] = values('__proto__: {polluted: true}\n');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['invalid UTF-8', Uint8Array.of(0x61, 0x3a, 0x20, 0xff), 'MANIFEST_ENCODING_INVALID'],
    ['half a surrogate pair', 'a: \ud800', 'MANIFEST_ENCODING_INVALID'],
    ['a duplicate key', 'a: 1\nb: 2\na: 3\n', 'MANIFEST_KEY_DUPLICATE'],
    ['a duplicate key written otherwise', 'a: 1\n"a": 3\n', 'MANIFEST_KEY_DUPLICATE'],
    ['an unclosed bracket', 'a: [1, 2\n', 'MANIFEST_YAML_INVALID'],
    ['an unknown tag', 'a: !!binary AAAA\n', 'MANIFEST_YAML_INVALID'],
    ['a tag that does not fit', 'a: !!int abc\n', 'MANIFEST_YAML_INVALID'],
    ['an alias without anchor', 'a: *b\n', 'MANIFEST_YAML_INVALID'],
    ['an alias to its own container', 'a: &a [*a]\n', 'MANIFEST_YAML_INVALID'],
    ['a merge of a scalar', 'a:\n  <<: 1\n', 'MANIFEST_YAML_INVALID'],
    ['deep flow nesting', '['.repeat(200_000), 'MANIFEST_TOO_DEEP'],
    ['deep block nesting on one line', '- '.repeat(200_000), 'MANIFEST_TOO_DEEP'],
    ['deep keys', Array.from({ length: 3000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'), 'MANIFEST_TOO_DEEP'],
    ['too many bytes', 'a'.repeat(9_000_000), 'MANIFEST_TOO_LARGE'],
    ['too many documents', '--- a\n'.repeat(3000), 'MANIFEST_TOO_LARGE'],
    ['too many values', '- a\n'.repeat(120_000), 'MANIFEST_TOO_LARGE'],
    ['an alias bomb', aliasBomb(), 'MANIFEST_TOO_LARGE'],
  ])('refuses %s', (_name, input, expected) => {
    expect(code(input)).toBe(expected);
  });

  it('reads a mapping of many keys in linear time', () => {
    const text = Array.from({ length: 20_000 }, (_, n) => `k${n}: v`).join('\n');
    expect(Object.keys(values(text)[0] as object)).toHaveLength(20_000);
  });

  it('lets no other error escape from damaged input', () => {
    const valid = Buffer.from(
      'apiVersion: v1\nkind: Pod\nmetadata: &m {name: a, x: "é"}\nspec:\n  - <<: *m\n    b: |\n      t\n',
    );
    fc.assert(
      fc.property(damagedBytes(valid), (bytes) => {
        refusedOnlyWith(codes, () => readManifests(bytes));
      }),
      { numRuns: runsOf(125, 500) },
    );
  });
});

function aliasBomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let n = 1; n < 12; n += 1)
    lines.push(`a${n}: &a${n} [${Array.from({ length: 10 }, () => `*a${n - 1}`).join(', ')}]`);
  return lines.join('\n');
}
