import { damagedJson, damagedText, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import { runsOf } from '@holdfast/base/testing/thorough';
import { readJson, setJsonText } from '../../src/manifests/index.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const codes = [
  'MANIFEST_JSON_INVALID',
  'MANIFEST_KEY_DUPLICATE',
  'MANIFEST_TOO_DEEP',
  'MANIFEST_ENCODING_INVALID',
  'MANIFEST_TOO_LARGE',
];

describe('readJson', () => {
  it('answers what JSON.parse answers', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(readJson(text).root.value).toStrictEqual(JSON.parse(text));
      }),
    );
  });

  it('accepts exactly what JSON.parse accepts, but for duplicate keys and comments', () => {
    const valid = { a: [1, -2.5e3, 'x\\"\u0000é'], b: { c: null, d: true } };
    fc.assert(
      fc.property(fc.oneof(damagedJson(valid), damagedText(JSON.stringify(valid, null, 1))), (text) => {
        const found = refusedOnlyWith(codes, () => readJson(text));
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expected = undefined;
        }
        if (found !== undefined && expected !== undefined) expect(found.root.value).toStrictEqual(expected);
        if (found !== undefined && expected === undefined) expect(text).toMatch(/\/\/|\/\*|^\uFEFF/);
      }),
      { numRuns: runsOf(250, 1000) },
    );
  });

  it.each([
    ['a duplicate key', '{"a": 1, "\\u0061": 2}', 'MANIFEST_KEY_DUPLICATE'],
    ['deep nesting', '['.repeat(100_000), 'MANIFEST_TOO_DEEP'],
    ['too many values', `[${'1,'.repeat(120_000)}1]`, 'MANIFEST_TOO_LARGE'],
    ['a trailing comma', '[1,]', 'MANIFEST_JSON_INVALID'],
    ['an unclosed comment', '[1] /*', 'MANIFEST_JSON_INVALID'],
    ['an unclosed string of megabytes', `"${'\\\\'.repeat(2_000_000)}`, 'MANIFEST_JSON_INVALID'],
  ])('refuses %s', (_name, text, code) => {
    expect(() => readJson(text)).toThrow(expect.objectContaining({ code }));
  });

  it('reads a string of megabytes', () => {
    const value = 'a"\\'.repeat(1_000_000);
    expect(readJson(JSON.stringify(value)).root.value).toBe(value);
  });
});

describe('setJsonText', () => {
  const path = ['resources', 0, 'properties', 'confidentialComputeProperties', 'ccePolicy'];
  const set = (text: string) => setJsonText(readJson(text), [{ path, value: 'eA==' }]);

  it.each([
    [
      'replaces a value',
      '{ "resources" : [{"properties":{"ConfidentialComputeProperties":{"CcePolicy" : "" }}}] } // x',
      '{ "resources" : [{"properties":{"ConfidentialComputeProperties":{"CcePolicy" : "eA==" }}}] } // x',
    ],
    [
      'creates the object in the indentation of the file',
      '{\n    "resources": [\n        {\n            "properties": {\n                "a": 1\n            }\n        }\n    ]\n}\n',
      '{\n    "resources": [\n        {\n            "properties": {\n                "a": 1,\n                "confidentialComputeProperties": {\n                    "ccePolicy": "eA=="\n                }\n            }\n        }\n    ]\n}\n',
    ],
    [
      'fills an empty object',
      '{\n\t"resources": [\n\t\t{\n\t\t\t"properties": {}\n\t\t}\n\t]\n}',
      '{\n\t"resources": [\n\t\t{\n\t\t\t"properties": {\n\t\t\t\t"confidentialComputeProperties": {\n\t\t\t\t\t"ccePolicy": "eA=="\n\t\t\t\t}\n\t\t\t}\n\t\t}\n\t]\n}',
    ],
    [
      'replaces null',
      '{"resources":[{"properties":{"confidentialComputeProperties":null}}]}',
      '{"resources":[{"properties":{"confidentialComputeProperties":{"ccePolicy": "eA=="}}}]}',
    ],
    [
      'keeps one line on one line',
      '{"resources":[{"properties":{"a":1}}]}',
      '{"resources":[{"properties":{"a":1, "confidentialComputeProperties": {"ccePolicy": "eA=="}}}]}',
    ],
  ])('%s and keeps every other byte', (_name, before, after) => {
    expect(set(before)).toBe(after);
    expect(set(after)).toBe(after);
    expect(set(before.replaceAll('\n', '\r\n'))).toBe(after.replaceAll('\n', '\r\n'));
  });

  it('refuses to replace an object', () => {
    expect(() => set('{"resources":[{"properties":{"confidentialComputeProperties":{"ccePolicy":{}}}}]}')).toThrow(
      expect.objectContaining({ code: 'MANIFEST_EDIT_UNSUPPORTED' }),
    );
  });
});
