import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { pythonJson } from '../../src/cce/python-json.ts';

describe('pythonJson', () => {
  it('sorts keys by code point at every depth', () => {
    expect(pythonJson({ b: { '\u{1F600}': 1, '\uFFFF': 2 }, a: [], A: {} })).toBe(
      '{"A":{},"a":[],"b":{"\\uffff":2,"\\ud83d\\ude00":1}}',
    );
  });

  it('escapes what Python escapes and nothing else', () => {
    expect(pythonJson('\u0000\b\t\n\f\r"\\/<\u007f\u0080é\u2028')).toBe(
      '"\\u0000\\b\\t\\n\\f\\r\\"\\\\/<\u007f\\u0080\\u00e9\\u2028"',
    );
  });

  it('indents by two blanks and writes empty lists on one line', () => {
    expect(pythonJson({ b: [1, { c: null }], a: [], d: {} }, { pretty: true })).toBe(
      '{\n  "a": [],\n  "b": [\n    1,\n    {\n      "c": null\n    }\n  ],\n  "d": {}\n}',
    );
  });

  it('writes ASCII that reads back as the same value, in either form', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.boolean(), (value, pretty) => {
        const text = pythonJson(value, { pretty });
        expect(text).toMatch(/^[\n -\u007f]*$/);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
