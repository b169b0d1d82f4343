import { MalformedError, UnsupportedError } from '@holdfast/base';
import { damagedText, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import { runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { buildInitdata, errorCodes, initdataDigest, parseInitdata, readInitdata } from '../src/index.ts';

const head = 'version = "0.1.0"\nalgorithm = "sha256"\n';

function codesOf(document: string): readonly string[] {
  return readInitdata(document).problems.map(({ code }) => code);
}

describe('parseInitdata', () => {
  it('reads version, algorithm and entries in their order', () => {
    const { version, algorithm, data } = parseInitdata(`${head}[data]\n"b" = '1'\n"a.toml" = """\n2\n"""\n`);
    expect({ version, algorithm }).toEqual({ version: '0.1.0', algorithm: 'sha256' });
    expect([...data]).toEqual([
      ['b', '1'],
      ['a.toml', '2\n'],
    ]);
  });

  it('names line and column of broken TOML, and quotes nothing of the document', () => {
    const secret = 'hunter2';
    let thrown: unknown;
    try {
      parseInitdata(`${head}[data]\n"a" = ${secret}\n`);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(MalformedError);
    expect(thrown).toMatchObject({ code: 'INITDATA_TOML_INVALID', details: { line: 4, column: 7 } });
    expect(String(thrown)).toContain('line 4, column 7');
    expect(String(thrown)).not.toContain(secret);
  });

  it.each([
    ['a byte order mark', `\uFEFF${head}[data]\n`, 'INITDATA_TOML_INVALID'],
    ['a key given twice', `${head}version = "0.1.0"\n[data]\n`, 'INITDATA_TOML_INVALID'],
    ['tables nested without end', `${head}[data]\n[${'a.'.repeat(10_000)}a]\n`, 'INITDATA_TOML_INVALID'],
    ['arrays nested without end', `${head}a = ${'['.repeat(100_000)}`, 'INITDATA_TOML_INVALID'],
    [
      'keys without end',
      `${head}${Array.from({ length: 30_000 }, (_, index) => `k${index} = 1\n`).join('')}`,
      'INITDATA_TOML_INVALID',
    ],
    ['a key of endless parts', `${head}${'a.'.repeat(1_000_000)}b = 1`, 'INITDATA_TOML_INVALID'],
    ['white space only', ' \n\n', 'INITDATA_EMPTY'],
    ['five megabytes', `${head}[data]\n# ${'x'.repeat(5_000_000)}`, 'INITDATA_TOO_LARGE'],
    ['a thousand entries', `${head}[data]\n${entries(1000)}`, 'INITDATA_TOO_LARGE'],
    ['no version', 'algorithm = "sha256"\n[data]\n', 'INITDATA_VERSION_MISSING'],
    ['a number as version', 'version = 1\nalgorithm = "sha256"\n[data]\n', 'INITDATA_VERSION_UNSUPPORTED'],
    ['another version', 'version = "0.2.0"\nalgorithm = "sha256"\n[data]\n', 'INITDATA_VERSION_UNSUPPORTED'],
    ['no algorithm', 'version = "0.1.0"\n[data]\n', 'INITDATA_ALGORITHM_MISSING'],
    ['an algorithm in capitals', 'version = "0.1.0"\nalgorithm = "SHA256"\n[data]\n', 'INITDATA_ALGORITHM_UNSUPPORTED'],
    ['sm3', 'version = "0.1.0"\nalgorithm = "sm3"\n[data]\n', 'INITDATA_ALGORITHM_UNSUPPORTED'],
    ['no data', head, 'INITDATA_DATA_MISSING'],
    ['data that is a text', `${head}data = "x"\n`, 'INITDATA_DATA_MISSING'],
    ['an entry that is a number', `${head}[data]\n"a" = 1\n`, 'INITDATA_ENTRY_INVALID'],
    ['a name with a dot and no quotes', `${head}[data]\naa.toml = "x"\n`, 'INITDATA_ENTRY_INVALID'],
  ])('refuses %s', (_, document, code) => {
    expect(() => parseInitdata(document)).toThrow(expect.objectContaining({ code }));
  });

  it('takes texts of entries for what they are, whatever signs they have', () => {
    const text = `a."b" = [1, {c = '#'}] `.repeat(20_000);
    for (const [open, close] of [
      ["'''", "'''"],
      ['"""', '"""'],
    ] as const) {
      const { data } = parseInitdata(`${head}[data]\n"x" = ${open}${text}${close}\n"y" = 'z' # ${text}\n`);
      expect(data.get('x')).toBe(text);
    }
  });

  it('reads the older form with single quotes, and the four kinds of strings', () => {
    const lines = [
      "version = '0.1.0'",
      "algorithm = 'sha384' # why not",
      '[data]',
      String.raw`basic = "a\"b\u00e9\n"`,
      "'literal' = 'c:\\d'",
      'long = """',
      'one\\',
      '   two"""',
      '',
    ];
    const { algorithm, data } = parseInitdata(lines.join('\n'));
    expect(algorithm).toBe('sha384');
    expect(Object.fromEntries(data)).toEqual({ basic: 'a"bé\n', literal: String.raw`c:\d`, long: 'onetwo' });
  });

  it('keeps a name that is special in JavaScript as an entry like any other', () => {
    const { data } = parseInitdata(`${head}[data]\n"__proto__" = 'x'\n"constructor" = 'y'\n`);
    expect([...data]).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it('refuses damaged documents with its own errors only', () => {
    const valid = `${head}\n[data]\n"aa.toml" = '''\n[token_configs]\n'''\n"x" = "\\u00e9\\n"\n`;
    fc.assert(
      fc.property(damagedText(valid), (document) => {
        refusedOnlyWith(Object.keys(errorCodes), () => parseInitdata(document));
      }),
      { numRuns: runsOf(200, 1000) },
    );
  });
});

describe('readInitdata', () => {
  it('lists every problem, in the order in which parseInitdata meets them', () => {
    const document = 'version = "9"\n[data]\n"a" = 1\n"b" = "x"\n"c" = []\n';
    expect(codesOf(document)).toEqual([
      'INITDATA_VERSION_UNSUPPORTED',
      'INITDATA_ALGORITHM_MISSING',
      'INITDATA_ENTRY_INVALID',
      'INITDATA_ENTRY_INVALID',
    ]);
    expect(() => parseInitdata(document)).toThrow(UnsupportedError);
    expect([...readInitdata(document).data.keys()]).toEqual(['b']);
  });
});

describe('buildInitdata', () => {
  it('writes entries sorted by name in literal strings', () => {
    const data = new Map([
      ['policy.rego', 'package agent_policy\n'],
      ['aa.toml', ''],
    ]);
    expect(buildInitdata({ data })).toBe(
      `${head}\n[data]\n"aa.toml" = '''\n'''\n"policy.rego" = '''\npackage agent_policy\n'''\n`,
    );
  });

  it.each(["three ''' quotes", "a quote at the end'", 'carriage\r\nreturns', 'a bell \u0007', '\u007f'])(
    'writes with escapes what a literal string cannot hold: %j',
    (text) => {
      const document = buildInitdata({ data: new Map([['x', text]]) });
      for (const character of ['\r', '\u0007', '\u007f']) expect(document).not.toContain(character);
      // Four quotes in a row are read in two ways by parsers in use.
      expect(document).not.toContain("''''");
      expect(parseInitdata(document).data.get('x')).toBe(text);
    },
  );

  it('refuses text with half a surrogate pair, which no document can hold', () => {
    const code = 'INITDATA_ENTRY_INVALID';
    expect(() => buildInitdata({ data: new Map([['x', '\ud800']]) })).toThrow(expect.objectContaining({ code }));
  });

  it('gives back what it was given, and the same bytes for any order of entries', () => {
    const name = fc.string({ unit: 'binary', maxLength: 12 });
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\n\r'"\\ \tab=[\]#]*$/));
    fc.assert(
      fc.property(fc.dictionary(name, text, { noNullPrototype: false }), (entriesByName) => {
        const list = Object.entries(entriesByName);
        const document = buildInitdata({ algorithm: 'sha384', data: new Map(list) });
        const parsed = parseInitdata(document);
        expect(parsed.algorithm).toBe('sha384');
        expect(new Map(parsed.data)).toEqual(new Map(list));
        expect(buildInitdata({ algorithm: 'sha384', data: new Map(list.toReversed()) })).toBe(document);
      }),
      { numRuns: runsOf(100, 500) },
    );
  });

  it('changes the digest with every bit of the text', () => {
    const document = buildInitdata({ data: new Map([['aa.toml', 'url = "https://a"\n']]) });
    const bytes = Buffer.from(document);
    const digests = new Set([Buffer.from(initdataDigest(document, 'sha256')).toString('hex')]);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // Bytes beyond ASCII are no UTF-8 any more, so they are no document.
      if ((bit & 7) === 7) continue;
      digests.add(Buffer.from(initdataDigest(flipped.toString(), 'sha256')).toString('hex'));
    }
    expect(digests.size).toBe(1 + bytes.length * 7);
  });
});

function entries(count: number): string {
  return Array.from({ length: count }, (_, index) => `"${index}" = ''\n`).join('');
}
