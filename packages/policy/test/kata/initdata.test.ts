import { MalformedError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, it } from 'vitest';

import { readKataAnnotation } from '../../src/kata/annotation.ts';
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
    expect(writeInitdata({ algorithm: 'sha256', data })).toBe(document);
  });

  it('is read back by parseInitdata, whatever the names of the entries', ({ expect }) => {
    const data = fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' }), { noNullPrototype: true });
    fc.assert(
      fc.property(data, fc.constantFrom('sha256', 'sha384', 'sha512'), (entries, algorithm) => {
        const initdata = { version: '0.1.0', algorithm, data: entries } as const;
        expect(parseInitdata(writeInitdata(initdata))).toEqual(initdata);
      }),
    );
  });
});

describe('initdataDocument', () => {
  it('gives the document of an annotation', ({ expect }) => {
    expect(initdataDocument(initdataAnnotation(document))).toBe(document);
  });
});

describe('readKataAnnotation', () => {
  it('refuses an initdata document without a policy', ({ expect }) => {
    const annotation = initdataAnnotation(writeInitdata({ algorithm: 'sha256', data: { 'aa.toml': '' } }));
    expect(() => readKataAnnotation('upstream', annotation)).toThrow(
      expect.objectContaining({ code: 'KATA_POLICY_MALFORMED' }),
    );
  });

  it('refuses an annotation that is no initdata with an error of the initdata', ({ expect }) => {
    for (const [annotation, code] of [
      ['', 'INITDATA_EMPTY'],
      ['cGFja2FnZQ==', 'INITDATA_GZIP_INVALID'],
      [initdataAnnotation('package agent_policy\n'), 'INITDATA_TOML_INVALID'],
    ] as const) {
      const refused = expect.objectContaining({ code });
      expect(() => readKataAnnotation('upstream', annotation)).toThrow(refused);
      expect(() => readKataAnnotation('upstream', annotation)).toThrow(MalformedError);
    }
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
