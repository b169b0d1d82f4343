import { parseJsonObject } from '@holdfast/attestation';
import { PlatformError, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  decodeReleasePolicy,
  encodeReleasePolicy,
  evaluateAuthority,
  formatReleasePolicy,
  isAuthority,
  parseReleasePolicy,
} from '../src/index.ts';

const AUTHORITY = 'https://sharedeus.eus.attest.azure.net';
const policyText = (conditions: unknown, over: object = {}): string =>
  JSON.stringify({ version: '1.0.0', anyOf: [{ authority: AUTHORITY, allOf: conditions }], ...over });
const INVALID = expect.objectContaining({ code: 'RELEASE_POLICY_INVALID', family: 'request' });

describe('parseReleasePolicy', () => {
  it('normalises: member order, and the older form of a condition', () => {
    const text = `{"anyOf":[{"allOf":[{"value":"true","condition":"equals","claim":"a"}],"authority":"${AUTHORITY}/"}],"version":"0.2"}`;
    expect(formatReleasePolicy(parseReleasePolicy(text))).toBe(
      `{"version":"1.0.0","anyOf":[{"authority":"${AUTHORITY}/","allOf":[{"claim":"a","equals":"true"}]}]}`,
    );
  });

  it('reads groups in groups, and numbers beyond 2^53 exactly', () => {
    const text = policyText([{ anyOf: [{ claim: 'a', equals: false }] }]).replace('false', '9007199254740993');
    expect(formatReleasePolicy(parseReleasePolicy(text))).toContain('"equals":9007199254740993');
  });

  it('reads commas before a closing bracket only when asked to', () => {
    const text = `{"version":"1.0.0","anyOf":[{"authority":"${AUTHORITY}","allOf":[{"claim":"a,]","equals":"b"},],},]\n}`;
    expect(() => parseReleasePolicy(text)).toThrow(INVALID);
    expect(formatReleasePolicy(parseReleasePolicy(text, { trailingCommas: true }))).toContain('"claim":"a,]"');
  });

  const nested = (depth: number): unknown => (depth === 0 ? { claim: 'a', equals: 1 } : { allOf: [nested(depth - 1)] });
  it.each([
    ['version 2.0.0', policyText([{ claim: 'a', equals: 1 }], { version: '2.0.0' })],
    ['an unknown member', policyText([{ claim: 'a', equals: 1 }], { extra: 1 })],
    [
      'allOf at the top',
      `{"version":"1.0.0","allOf":[{"authority":"${AUTHORITY}","allOf":[{"claim":"a","equals":1}]}]}`,
    ],
    [
      'both selectors',
      policyText([{ claim: 'a', equals: 1 }]).replace('"allOf"', '"anyOf":[{"claim":"a","equals":1}],"allOf"'),
    ],
    ['no selector', `{"version":"1.0.0","anyOf":[{"authority":"${AUTHORITY}"}]}`],
    ['an empty allOf', policyText([])],
    ['an empty anyOf at the top', '{"version":"1.0.0","anyOf":[]}'],
    ['an unknown operator', policyText([{ claim: 'a', like: 1 }])],
    ['a reserved operator', policyText([{ claim: 'a', notEquals: 1 }])],
    ['another old-style condition', policyText([{ claim: 'a', condition: 'less', value: 1 }])],
    ['a list as a value', policyText([{ claim: 'a', equals: [1] }])],
    ['null as a value', policyText([{ claim: 'a', equals: null }])],
    ['a claim path through __proto__', policyText([{ claim: '__proto__.x', equals: 1 }])],
    ['an empty claim', policyText([{ claim: '', equals: 1 }])],
    ['nine levels', policyText([nested(9)])],
    ['more than 64 KiB', policyText([{ claim: 'a', equals: 'b'.repeat(65_536) }])],
    [
      'a member that stands twice',
      policyText([{ claim: 'a', equals: 1 }]).replace('"claim":"a"', '"claim":"a","claim":"b"'),
    ],
    ['an http authority', policyText([{ claim: 'a', equals: 1 }]).replace('https:', 'http:')],
    ['an authority with a path', policyText([{ claim: 'a', equals: 1 }]).replace('.net', '.net/x')],
    ['an authority with a user', policyText([{ claim: 'a', equals: 1 }]).replace('https://', 'https://u@')],
    ['an authority with a query', policyText([{ claim: 'a', equals: 1 }]).replace('.net', '.net/?a')],
    ['an authority with two slashes', policyText([{ claim: 'a', equals: 1 }]).replace('.net', '.net//')],
  ])('refuses %s', (_what, text) => {
    expect(() => parseReleasePolicy(text)).toThrow(INVALID);
  });

  it('throws only its own errors, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(toUtf8)), (bytes) => {
        try {
          parseReleasePolicy(bytes, { trailingCommas: true });
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });
});

describe('decodeReleasePolicy', () => {
  it('reads both alphabets, padded or not, and encodeReleasePolicy writes unpadded base64url', () => {
    const policy = parseReleasePolicy(policyText([{ claim: 'ÿ?>', equals: 'x' }]));
    const data = encodeReleasePolicy(policy);
    const bytes = Buffer.from(data, 'base64url');
    for (const text of [data, bytes.toString('base64'), bytes.toString('base64').replace(/=+$/, '')]) {
      expect(encodeReleasePolicy(decodeReleasePolicy(text))).toBe(data);
    }
    expect(data).not.toMatch(/[=+/]/);
  });

  it.each(['***', 'e30', '', 'e30=x'])('refuses %j', (data) => {
    expect(() => decodeReleasePolicy(data)).toThrow(INVALID);
  });
});

describe('isAuthority', () => {
  it('ignores one trailing slash on each side, and case', () => {
    expect(isAuthority(`${AUTHORITY}/`, AUTHORITY)).toBe(true);
    expect(isAuthority(AUTHORITY, `${AUTHORITY.toUpperCase()}/`)).toBe(true);
    for (const other of [
      `${AUTHORITY}.evil`,
      `${AUTHORITY}./`,
      `${AUTHORITY}//`,
      AUTHORITY.replace('https', 'http'),
      '',
    ]) {
      expect(isAuthority(AUTHORITY, other)).toBe(false);
    }
  });
});

describe('evaluateAuthority', () => {
  const holds = (claim: string, equals: unknown, claims: string): boolean => {
    const [authority] = parseReleasePolicy(policyText([{ claim, equals }])).anyOf;
    if (authority === undefined) throw new Error('no authority');
    return evaluateAuthority(authority, parseJsonObject(claims, 'X')).satisfied;
  };

  it.each([
    ['a', 'x', '{"a":"x"}'],
    ['a', 'true', '{"a":true}'],
    ['a', false, '{"a":"false"}'],
    ['a', '0', '{"a":0}'],
    ['a', 7, '{"a":"7"}'],
    ['a', '18446744073709551615', '{"a":18446744073709551615}'],
    ['a.b', 'x', '{"a.b":"x"}'],
    ['a.b', 'x', '{"a":{"b":"x"}}'],
    ['a.b.c', 1, '{"a":{"b":{"c":1}}}'],
  ])('holds for %s = %j in %s', (claim, equals, claims) => {
    expect(holds(claim, equals, claims)).toBe(true);
  });

  it.each([
    ['a', 'x', '{}'],
    ['a', 'x', '{"a":"xy"}'],
    ['a', 'x', '{"a":"X"}'],
    ['a', 'x', '{"a":["x"]}'],
    ['a', 'x', '{"a":{"x":"x"}}'],
    ['a', 'null', '{"a":null}'],
    ['a', '1.5', '{"a":1.5}'],
    ['a', 'true', '{"a":"True"}'],
    ['a.b', 'x', '{"a.b":"y","a":{"b":"x"}}'],
    ['a.0', 'x', '{"a":["x"]}'],
    ['a.length', 1, '{"a":"x"}'],
    ['a.constructor', 'x', '{"a":{}}'],
    ['toString', 'x', '{}'],
  ])('does not hold for %s = %j in %s', (claim, equals, claims) => {
    expect(holds(claim, equals, claims)).toBe(false);
  });

  it('names every claim that failed, and why, and never the value the token has', () => {
    const [authority] = parseReleasePolicy(
      policyText([
        { claim: 'a', equals: 1 },
        {
          anyOf: [
            { claim: 'b', equals: 'x' },
            { claim: 'c', equals: 'y' },
          ],
        },
      ]),
    ).anyOf;
    if (authority === undefined) throw new Error('no authority');
    const verdict = evaluateAuthority(authority, { a: 1, b: 'secret', c: [] });
    expect(verdict).toEqual({
      satisfied: false,
      unmet: [
        { claim: 'b', expected: 'x', problem: 'different' },
        { claim: 'c', expected: 'y', problem: 'not a single value' },
      ],
    });
    expect(evaluateAuthority(authority, { a: 1, b: 'no', c: 'y' })).toEqual({ satisfied: true, unmet: [] });
  });
});
