import { Buffer } from 'node:buffer';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatAttestSevSnpVmRequest, maaErrorResponse, parseAttestSevSnpVmRequest } from '../../src/index.ts';
import { codeOf } from '../support/chain.ts';

const request = {
  snpReport: new Uint8Array(1184).fill(1),
  vcekCertChain: 'pem',
  uvmEndorsements: [Uint8Array.of(1, 2, 3, 4)],
  runtimeData: { data: Uint8Array.of(123, 125), dataType: 'JSON' },
  initTimeData: { data: Uint8Array.of(1), dataType: 'Binary' },
  nonce: '18446744073709551615',
} as const;
const body = JSON.parse(formatAttestSevSnpVmRequest(request)) as Record<string, unknown>;

function parseWith(changes: Record<string, unknown>) {
  return parseAttestSevSnpVmRequest(JSON.stringify({ ...body, ...changes }));
}

function pad(text: string): string {
  return text + '='.repeat((4 - (text.length % 4)) % 4);
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

describe('parseAttestSevSnpVmRequest', () => {
  it('reads back what formatAttestSevSnpVmRequest wrote', () => {
    expect(parseWith({})).toEqual({ ...request, draftPolicy: undefined });
  });

  it('accepts Base64url with padding on every level', () => {
    const bundle = {
      SnpReport: pad(Buffer.from(request.snpReport).toString('base64url')),
      VcekCertChain: pad(Buffer.from('pem').toString('base64url')),
      Endorsements: pad(encode({ Uvm: [pad(Buffer.from([1, 2, 3, 4]).toString('base64url'))] })),
    };
    expect(parseWith({ report: pad(encode(bundle)) })).toEqual({ ...request, draftPolicy: undefined });
  });

  it('keeps a nonce number exactly, although it is beyond 2^53', () => {
    const text = JSON.stringify({ ...body, nonce: 0 }).replace('"nonce":0', '"nonce":7394904505194784658');
    expect(parseAttestSevSnpVmRequest(text).nonce).toBe('7394904505194784658');
  });

  it('treats empty init-time data as absent and accepts other spellings of the member', () => {
    expect(parseWith({ initTimeData: { data: '', dataType: '' } }).initTimeData).toBeUndefined();
    const data = { data: 'AQ', dataType: 'binary' };
    expect(parseWith({ initTimeData: undefined, inittime_data: data }).initTimeData).toEqual(request.initTimeData);
    expect(parseWith({ initTimeData: undefined, inittimeData: data }).initTimeData).toEqual(request.initTimeData);
  });

  it('treats absent or empty endorsements as none', () => {
    const bundle = { SnpReport: 'AQ', VcekCertChain: 'AQ', Endorsements: '' };
    expect(parseWith({ report: encode(bundle) }).uvmEndorsements).toEqual([]);
  });

  it.each([
    ['no report', { report: undefined }],
    ['a report that is no text', { report: 5 }],
    ['standard Base64', { report: '++//' }],
    ['a bundle that is no JSON', { report: 'AAAA' }],
    ['a bundle without chain', { report: encode({ SnpReport: 'AQ' }) }],
    [
      'endorsements that are no list',
      { report: encode({ SnpReport: 'AQ', VcekCertChain: 'AQ', Endorsements: encode({ Uvm: 'x' }) }) },
    ],
    ['runtime data that is no object', { runtimeData: 'x' }],
    ['an unknown data type beside data', { runtimeData: { data: 'AQ', dataType: 'Text' } }],
    ['a missing data type beside data', { runtimeData: { data: 'AQ' } }],
    ['a negative nonce', { nonce: -1 }],
    ['a fractional nonce', { nonce: 1.5 }],
    ['a nonce object', { nonce: {} }],
    ['a draft policy that is no text', { draftPolicyForAttestation: 1 }],
  ])('refuses %s', (_name, changes) => {
    expect(codeOf(() => parseWith(changes))).toBe('MAA_REQUEST_INVALID');
  });

  it('refuses doubled members and bodies above 1 MiB', () => {
    expect(codeOf(() => parseAttestSevSnpVmRequest('{"report":"","report":""}'))).toBe('MAA_REQUEST_INVALID');
    expect(codeOf(() => parseAttestSevSnpVmRequest(' '.repeat(1024 * 1024 + 1)))).toBe('MAA_REQUEST_TOO_LARGE');
  });

  it('lets only our errors escape, whatever body comes in', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), fc.uint8Array()), (input) => {
        expect(codeOf(() => parseAttestSevSnpVmRequest(input))).toBe('MAA_REQUEST_INVALID');
      }),
    );
  });
});

describe('maaErrorResponse', () => {
  it('answers in the form of the service, and only for errors about the request', () => {
    let thrown: unknown;
    try {
      parseAttestSevSnpVmRequest('x');
    } catch (error) {
      thrown = error;
    }
    expect(maaErrorResponse(thrown)).toMatchObject({ status: 400, body: { error: { code: 'InvalidParameter' } } });
    expect(maaErrorResponse(new Error('x'))).toBeUndefined();
  });
});
