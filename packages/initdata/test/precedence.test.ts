import { describe, expect, it } from 'vitest';

import {
  buildInitdata,
  effectiveInitdata,
  encodeInitdata,
  explainInitdataFailure,
  errorCodes,
  initdataFailures,
  initdataFindingCodes,
  PLACEHOLDER_INITDATA,
} from '../src/index.ts';

const own = buildInitdata({ data: new Map([['aa.toml', '']]) });
const shared = buildInitdata({ data: new Map([['cdh.toml', '']]) });
const broken = encodeInitdata('version = "0.1.0"');

describe('effectiveInitdata', () => {
  it('takes the annotation whole and merges nothing of the global value', () => {
    const effective = effectiveInitdata({ annotation: encodeInitdata(own), global: encodeInitdata(shared) });
    expect(effective).toMatchObject({ source: 'annotation', document: own });
    expect(effective.reasons.join(' ')).toContain('nothing of it is merged');
  });

  it('takes the global value for a pod whose annotation is empty or absent', () => {
    for (const annotation of ['', undefined]) {
      expect(effectiveInitdata({ annotation, global: encodeInitdata(shared) })).toMatchObject({
        source: 'global',
        document: shared,
      });
    }
  });

  it('prefers the current annotation to the one of older releases', () => {
    const legacyAnnotation = encodeInitdata(shared);
    expect(effectiveInitdata({ legacyAnnotation }).source).toBe('legacy-annotation');
    expect(effectiveInitdata({ annotation: encodeInitdata(own), legacyAnnotation }).document).toBe(own);
  });

  it('falls back to the placeholder', () => {
    expect(effectiveInitdata({})).toMatchObject({ source: 'placeholder', document: PLACEHOLDER_INITDATA });
  });

  it('fails with a broken annotation instead of taking the global value', () => {
    expect(() => effectiveInitdata({ annotation: broken, global: encodeInitdata(shared) })).toThrow(
      expect.objectContaining({
        code: 'INITDATA_ALGORITHM_MISSING',
        details: { carrier: 'io.katacontainers.config.hypervisor.cc_init_data' },
      }),
    );
  });

  it('fails with a broken global value also where the pod brings its own: the adaptor does not start', () => {
    expect(() => effectiveInitdata({ annotation: encodeInitdata(own), global: '@@' })).toThrow(
      expect.objectContaining({ code: 'INITDATA_BASE64_INVALID', details: { carrier: 'INITDATA' } }),
    );
  });
});

describe('explainInitdataFailure', () => {
  it('says that the Go runtime takes a version that others refuse', () => {
    expect(explainInitdataFailure('INITDATA_VERSION_UNSUPPORTED')?.behaviour).toEqual({
      goShim: 'Accepted.',
      adaptorAndGuest: 'Accepted.',
      rustShim: 'Refused.',
      holdfast: 'Refused.',
    });
    expect(explainInitdataFailure('NOTHING')).toBeUndefined();
  });

  it('explains codes that errors or findings have', () => {
    const known = new Set([...Object.keys(errorCodes), ...Object.keys(initdataFindingCodes)]);
    expect(initdataFailures.map(({ code }) => code).filter((code) => !known.has(code))).toEqual([]);
  });
});
