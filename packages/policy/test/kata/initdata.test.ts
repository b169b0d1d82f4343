import { gunzipSync } from 'node:zlib';

import { MalformedError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, it } from 'vitest';

import {
  fitInitdataDigest,
  initdataAnnotation,
  initdataDigest,
  initdataDocument,
  parseInitdata,
  writeInitdata,
} from '../../src/kata/initdata.ts';

const document =
  'version = "0.1.0"\nalgorithm = "sha256"\n\n[data]\n"policy.rego" = \'\'\'\npackage agent_policy\n\'\'\'\n';

describe('writeInitdata', () => {
  it('writes the document as the reference tool does', ({ expect }) => {
    const data = { 'policy.rego': 'package agent_policy\n' };
    expect(writeInitdata({ version: '0.1.0', algorithm: 'sha256', data })).toBe(document);
  });

  it('refuses a value that a literal string cannot hold', ({ expect }) => {
    for (const value of ["a'''b", 'a\u0000b', "ends with '"]) {
      expect(() => writeInitdata({ version: '0.1.0', algorithm: 'sha256', data: { a: value } })).toThrow(
        MalformedError,
      );
    }
  });

  it('is read back by parseInitdata', ({ expect }) => {
    const value = fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Cc}|'/u.test(text));
    const data = fc.dictionary(fc.stringMatching(/^[A-Za-z0-9._-]{1,12}$/u), value, { noNullPrototype: true });
    fc.assert(
      fc.property(data, fc.constantFrom('sha256', 'sha384', 'sha512'), (entries, algorithm) => {
        const initdata = { version: '0.1.0', algorithm, data: entries } as const;
        expect(parseInitdata(writeInitdata(initdata))).toEqual(initdata);
      }),
    );
  });
});

describe('initdataAnnotation', () => {
  it('gives the same bytes on every machine and is undone by initdataDocument', ({ expect }) => {
    const bytes = Buffer.from(initdataAnnotation(document), 'base64');
    expect([...bytes.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    expect(gunzipSync(bytes).toString('utf8')).toBe(document);
    expect(initdataDocument(initdataAnnotation(document))).toBe(document);
  });

  it('is refused when it is cut at any length, not base64, or a bomb', ({ expect }) => {
    const annotation = initdataAnnotation(document);
    for (let length = 0; length < annotation.length; length += 1) {
      expect(() => initdataDocument(annotation.slice(0, length))).toThrow(MalformedError);
    }
    const bomb = initdataAnnotation(' '.repeat(17 * 1024 * 1024));
    expect(() => initdataDocument(bomb)).toThrow(MalformedError);
  });
});

describe('parseInitdata', () => {
  it('reads the older form with single quotes and the four kinds of strings', ({ expect }) => {
    const text = [
      "version = '0.1.0'",
      "algorithm = 'sha384' # why not",
      '[data]',
      String.raw`basic = "a\"b\u00e9\n"`,
      "'literal' = 'c:\\d'",
      'long = """',
      'one\\',
      '   two"""',
      '',
    ].join('\n');
    expect(parseInitdata(text)).toEqual({
      version: '0.1.0',
      algorithm: 'sha384',
      data: { basic: 'a"bé\n', literal: 'c:\\d', long: 'onetwo' },
    });
  });

  it('refuses other versions, algorithms and anything that is not such a document', ({ expect }) => {
    const broken = [
      '',
      'version = "0.2.0"\nalgorithm = "sha256"\n[data]\n',
      'version = "0.1.0"\nalgorithm = "md5"\n[data]\n',
      'version = 1\n',
      `${document}[data]\n`,
      document.replace('algorithm', 'version'),
      document.slice(0, -5),
    ];
    for (const text of broken) expect(() => parseInitdata(text), text).toThrow(MalformedError);
  });

  it('lets only its own error out for arbitrary text', ({ expect }) => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('[', ']', '=', '"', "'", '\\', '\n', ' ', 'a', 'A', '0', '#', 'u') }),
        (text) => {
          try {
            parseInitdata(text);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(MalformedError);
          }
        },
      ),
    );
  });
});

describe('fitInitdataDigest', () => {
  it('cuts or fills a digest to the field of each platform', ({ expect }) => {
    const digest = initdataDigest(document, 'sha384');
    expect(fitInitdataDigest(digest, 'snp')).toBe(digest.slice(0, 64));
    expect(fitInitdataDigest(digest, 'tdx')).toBe(digest);
    expect(fitInitdataDigest(digest, 'cca')).toBe(digest + '0'.repeat(32));
    expect(fitInitdataDigest(digest, 'se')).toHaveLength(512);
  });
});
