import { toBase64 } from '@holdfast/base';
import { damagedJson, damagedText, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeRuntimeData, textMembers } from '../src/request-body.ts';

const CODE = 'SKR_REQUEST_INVALID';

describe('textMembers', () => {
  it('refuses a damaged body with its own code, or answers the texts it was asked for', () => {
    const valid = { maa_endpoint: 'sharedeus.eus.attest.azure.net', runtime_data: 'e30=', other: [1, { a: null }] };
    fc.assert(
      fc.property(damagedJson(valid), (text) => {
        const members = refusedOnlyWith([CODE], () => textMembers(Buffer.from(text), ['maa_endpoint', 'runtime_data']));
        if (members === undefined) return;
        expect(Object.keys(members)).toEqual(['maa_endpoint', 'runtime_data']);
        expect(Object.values(members).every((value) => typeof value === 'string' && value !== '')).toBe(true);
      }),
    );
  });

  it('refuses bytes that are no text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(refusedOnlyWith([CODE], () => textMembers(Buffer.from(bytes), ['runtime_data']))).toBeUndefined();
      }),
    );
  });
});

describe('decodeRuntimeData', () => {
  it('reads Base64 with line breaks anywhere', () => {
    const places = fc.array(fc.nat({ max: 400 }), { maxLength: 5 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), places, (bytes, breaks) => {
        let text = toBase64(bytes);
        for (const at of breaks) text = `${text.slice(0, at)}\r\n${text.slice(at)}`;
        expect(decodeRuntimeData(text)).toEqual(bytes);
      }),
    );
  });

  it('refuses everything else with its own code', () => {
    fc.assert(
      fc.property(damagedText(toBase64(new Uint8Array(50).fill(200))), (text) => {
        refusedOnlyWith([CODE], () => decodeRuntimeData(text));
      }),
    );
  });
});
