import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { describe, expect, it } from 'vitest';

import { jsonPatch } from '../src/index.ts';
import type { Json } from '../src/index.ts';

/** Without members named `__proto__`, which the library that applies the patches does not add. */
const json = fc
  .jsonValue({ maxDepth: 4 })
  .filter((value) => !JSON.stringify(value).includes('"__proto__"')) as fc.Arbitrary<Json>;

describe('jsonPatch', () => {
  it('turns any value into any other when somebody else applies it', () => {
    fc.assert(
      fc.property(json, json, (from, to) => {
        const holder = { '': structuredClone(from) };
        // The root is a member of a holder: a patch of a whole document has the path "".
        const operations = jsonPatch({ '': from }, { '': to });
        expect(applyPatch(holder, structuredClone([...operations]) as never).every((problem) => problem === null)).toBe(
          true,
        );
        expect(holder['']).toEqual(to);
      }),
    );
  });

  it('is empty for equal values, whatever the order of members', () => {
    expect(jsonPatch({ a: 1, b: [{ name: 'x' }] }, { b: [{ name: 'x' }], a: 1 })).toEqual([]);
  });

  it('touches only what was put around entries that were there', () => {
    const from = { containers: [{ name: 'app', image: 'a' }] };
    const to = { containers: [{ name: 'proxy' }, { name: 'app', image: 'a', env: [] }, { name: 'last' }] };
    expect(jsonPatch(from, to)).toEqual([
      { op: 'add', path: '/containers/0', value: { name: 'proxy' } },
      { op: 'add', path: '/containers/1/env', value: [] },
      { op: 'add', path: '/containers/-', value: { name: 'last' } },
    ]);
  });

  it('takes a member named __proto__ for one like any other', () => {
    const odd = JSON.parse('{"__proto__":1}') as Json;
    expect(jsonPatch({}, odd)).toEqual([{ op: 'add', path: '/__proto__', value: 1 }]);
    expect(jsonPatch(odd, {})).toEqual([{ op: 'remove', path: '/__proto__' }]);
  });

  it('escapes slashes and tildes in names', () => {
    expect(jsonPatch({}, { 'a/b~c': 1 })).toEqual([{ op: 'add', path: '/a~1b~0c', value: 1 }]);
  });
});
