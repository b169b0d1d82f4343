import { gzipSync } from 'node:zlib';

import { toBase64, toUtf8 } from '@holdfast/base';
import { damagedBytes, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import { runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  buildInitdata,
  compressInitdata,
  decodeInitdata,
  decompressInitdata,
  encodeInitdata,
  errorCodes,
  PLACEHOLDER_INITDATA,
  recogniseInitdata,
} from '../src/index.ts';

const codes = Object.keys(errorCodes);
const document = buildInitdata({ data: new Map([['policy.rego', 'package agent_policy\n# 機密\n']]) });

describe('encodeInitdata', () => {
  it('writes one line of Base64, the gzip without time, name or system', () => {
    const encoded = encodeInitdata(document);
    expect(encoded).toMatch(/^[A-Za-z0-9+/]+={0,2}$/u);
    expect([...compressInitdata(document).subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    expect(encodeInitdata(document)).toBe(encoded);
  });

  it('is undone by decodeInitdata for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        expect(decodeInitdata(encodeInitdata(text))).toEqual({ document: text, notes: [] });
      }),
    );
  });
});

describe('decodeInitdata', () => {
  it('refuses a value cut at any length with an error of its own', () => {
    const encoded = encodeInitdata(document);
    for (let end = 0; end < encoded.length; end += 1) {
      expect(refusedOnlyWith(codes, () => decodeInitdata(encoded.slice(0, end)))).toBeUndefined();
    }
  });

  it('never takes a gzip with one flipped bit for another document', () => {
    const zipped = compressInitdata(document);
    for (let bit = 0; bit < zipped.length * 8; bit += 1) {
      const flipped = zipped.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const decoded = refusedOnlyWith(codes, () => decodeInitdata(toBase64(flipped)));
      // Bits of the header that say nothing about the content may differ.
      if (decoded !== undefined) expect(decoded.document).toBe(document);
    }
  });

  it('refuses a gzip bomb in bounded memory', () => {
    const bomb = toBase64(gzipSync(Buffer.alloc(64 * 1024 * 1024)));
    const before = process.memoryUsage().arrayBuffers;
    const refused = expect.objectContaining({ code: 'INITDATA_TOO_LARGE' });
    expect(() => decodeInitdata(bomb)).toThrow(refused);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
    expect(() => decodeInitdata('A'.repeat(7 * 1024 * 1024))).toThrow(refused);
  });

  it.each(['\n', '\r\n'])('takes Base64 wrapped with %j and notes it', (lineEnd) => {
    const wrapped = encodeInitdata(document).replaceAll(/.{60}/gu, `$&${lineEnd}`);
    expect(decodeInitdata(wrapped)).toEqual({ document, notes: ['base64-wrapped'] });
  });

  it.each([' ', '-', '_', '='])('refuses Base64 with the character %j', (character) => {
    const refused = expect.objectContaining({ code: 'INITDATA_BASE64_INVALID' });
    expect(() => decodeInitdata(encodeInitdata(document).replace(/.$/u, character.repeat(2)))).toThrow(refused);
  });

  it('notes a gzip of several members, and refuses what is no gzip after it', () => {
    const two = Buffer.concat([gzipSync(document.slice(0, 20)), gzipSync(document.slice(20))]);
    expect(decompressInitdata(two)).toEqual({ document, notes: ['gzip-multiple-members'] });
    const refused = expect.objectContaining({ code: 'INITDATA_GZIP_INVALID' });
    expect(() => decompressInitdata(Buffer.concat([compressInitdata(document), Buffer.from('xx')]))).toThrow(refused);
    expect(() => decompressInitdata(Buffer.concat([compressInitdata(document), Buffer.alloc(4)]))).toThrow(refused);
  });

  it('refuses a document that is not UTF-8', () => {
    const refused = expect.objectContaining({ code: 'INITDATA_TEXT_INVALID' });
    expect(() => decompressInitdata(gzipSync(Buffer.from([0x61, 0xff])))).toThrow(refused);
  });
});

describe('recogniseInitdata', () => {
  const zipped = compressInitdata(document);

  it.each([
    ['document', toUtf8(document)],
    ['document', toUtf8(PLACEHOLDER_INITDATA)],
    ['gzip', zipped],
    ['base64', toUtf8(encodeInitdata(document))],
    ['base64', toUtf8(`${encodeInitdata(document)}\n`)],
    ['block-device', device(zipped)],
  ] as const)('tells a %s by its form', (form, bytes) => {
    const recognised = recogniseInitdata(bytes);
    expect(recognised.form).toBe(form);
    expect([document, PLACEHOLDER_INITDATA]).toContain(recognised.document);
    expect(recognised.notes).toEqual([]);
  });

  it('refuses an empty input and a block device that is cut off', () => {
    expect(() => recogniseInitdata(new Uint8Array())).toThrow(expect.objectContaining({ code: 'INITDATA_EMPTY' }));
    const cut = device(zipped).subarray(0, 16 + zipped.length - 1);
    const announced = expect.objectContaining({
      code: 'INITDATA_GZIP_INVALID',
      message: expect.stringContaining('shorter than the gzip it announces') as string,
    });
    expect(() => recogniseInitdata(cut)).toThrow(announced);
  });

  it('refuses damaged bytes with its own errors only', () => {
    const valid = fc.constantFrom(zipped, toUtf8(encodeInitdata(document)), device(zipped));
    fc.assert(
      fc.property(valid.chain(damagedBytes), (bytes) => {
        refusedOnlyWith(codes, () => recogniseInitdata(bytes));
      }),
      { numRuns: runsOf(200, 1000) },
    );
  });
});

/** The raw block device that the bare-metal runtime attaches to a guest. */
function device(zipped: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((16 + zipped.length) / 512) * 512);
  bytes.set(toUtf8('initdata'));
  new DataView(bytes.buffer).setBigUint64(8, BigInt(zipped.length), true);
  bytes.set(zipped, 16);
  return bytes;
}
