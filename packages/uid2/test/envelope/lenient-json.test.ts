import { MalformedError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseJsonObject, parseLenientJson, textMember } from '../../src/envelope/lenient-json.ts';

function refused(text: string): void {
  expect(() => parseLenientJson(text)).toThrow(expect.objectContaining({ code: 'JSON_INVALID' }));
}

describe('parseLenientJson', () => {
  it('accepts block and line comments anywhere white space may be', () => {
    expect(parseLenientJson('/* a */{"x"/**/:1,// end of line\n"y":[2/*,3*/]}// last')).toEqual({ x: 1, y: [2] });
  });

  it('leaves what looks like a comment inside a string alone, also when there are real comments', () => {
    expect(parseLenientJson('{"u":"https://a.b/*c*/\\"//d"} // e')).toEqual({ u: 'https://a.b/*c*/"//d' });
  });

  it('does not let a comment glue two tokens together', () => {
    refused('[1/**/2]');
  });

  it('takes the last of several equal names', () => {
    expect(parseLenientJson('{"a":1,"b":2,"a":3}')).toEqual({ a: 3, b: 2 });
  });

  it.each(['', ' ', '{', '{}x', '{} {}', '[1,]', '{a:1}', "{'a':1}", '/*', '{} /* open', '{"a":1} /', '"open', 'NaN'])(
    'refuses %j',
    (text) => {
      refused(text);
    },
  );

  it('accepts nesting of 1000 and refuses 1001', () => {
    expect(parseLenientJson('['.repeat(1000) + ']'.repeat(1000))).toBeInstanceOf(Array);
    refused('['.repeat(1001) + ']'.repeat(1001));
    refused('{"a":'.repeat(1001) + '1' + '}'.repeat(1001));
  });

  it('refuses very deep nesting without running out of stack', () => {
    refused('['.repeat(1_000_000));
    refused('['.repeat(500_000) + ']'.repeat(500_000));
  });

  it('accepts numbers of 1000 characters and refuses longer ones', () => {
    expect(parseLenientJson(`[${'1'.repeat(1000)}]`)).toBeInstanceOf(Array);
    refused(`[${'1'.repeat(1001)}]`);
    refused(`[0.${'1'.repeat(500)}e${'0'.repeat(500)}]`);
  });

  it('does not mistake digits in a string for a long number', () => {
    expect(parseLenientJson(`["${'1'.repeat(2000)}", 5]`)).toEqual(['1'.repeat(2000), 5]);
  });

  it('accepts names of 50,000 characters and refuses longer ones', () => {
    expect(parseLenientJson(`{"${'n'.repeat(50_000)}":1}`)).toBeInstanceOf(Object);
    refused(`{"${'n'.repeat(50_001)}":1}`);
  });

  it('reads whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parseLenientJson(text)).toEqual(JSON.parse(text));
        expect(parseLenientJson(`/*"*/${text}//"`)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('lets only MalformedError escape from any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:/*\\ 1ea\n'.split('')) }), (text) => {
        try {
          parseLenientJson(text);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
    );
  });
});

describe('parseJsonObject', () => {
  it.each(['[]', '1', '"a"', 'null', 'true'])('refuses %s', (text) => {
    expect(() => parseJsonObject(text)).toThrow(MalformedError);
  });

  it('keeps __proto__ an ordinary member', () => {
    const object = parseJsonObject('{"__proto__":{"email":"a"}}');
    expect(textMember(object, 'email')).toBeUndefined();
  });
});

describe('textMember', () => {
  const object = parseJsonObject('{"s":"x","n":5,"b":true,"z":null,"o":{"a":1}}');

  it('turns numbers and booleans into text', () => {
    expect(textMember(object, 's')).toBe('x');
    expect(textMember(object, 'n')).toBe('5');
    expect(textMember(object, 'b')).toBe('true');
    expect(textMember(object, 'o')).toBe('{"a":1}');
  });

  it('has nothing for members that are null, missing or inherited', () => {
    expect(textMember(object, 'z')).toBeUndefined();
    expect(textMember(object, 'missing')).toBeUndefined();
    expect(textMember(object, 'toString')).toBeUndefined();
  });
});
