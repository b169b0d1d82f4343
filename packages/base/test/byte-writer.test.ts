import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ByteWriter } from '../src/byte-writer.ts';

describe('ByteWriter', () => {
  it('writes numbers as a DataView does', () => {
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        fc.integer(),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (long, int, unsigned) => {
          const expected = new DataView(new ArrayBuffer(25));
          expected.setBigInt64(0, BigInt(long));
          expected.setInt32(8, int);
          expected.setUint32(12, int, true);
          expected.setBigUint64(16, unsigned, true);
          expected.setUint8(24, int);
          const written = new ByteWriter(25).int64(long).int32(int).uint32le(int).uint64le(unsigned).uint8(int).done();
          expect(written).toEqual(new Uint8Array(expected.buffer));
        },
      ),
    );
  });

  it('writes letters of one byte where it stands in pooled memory', () => {
    const text = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
    const written = ByteWriter.pooled(258).uint8(1).latin1(text).uint8(2).done();
    expect([...written]).toEqual([1, ...Array.from({ length: 256 }, (_, i) => i), 2]);
    expect(() => new ByteWriter(2).latin1('abc')).toThrow(RangeError);
  });

  it('writes text of any letters as UTF-8', () => {
    const text = 'a\u00e4\u20ac\ud83d\ude00';
    const expected = new TextEncoder().encode(text);
    const written = ByteWriter.pooled(expected.length + 2)
      .uint8(1)
      .utf8(text)
      .uint8(2)
      .done();
    expect([...written]).toEqual([1, ...expected, 2]);
    expect(() => new ByteWriter(2).utf8('\u20ac')).toThrow(RangeError);
  });

  it('leaves nothing in pooled memory that it was not told to write', () => {
    for (let i = 0; i < 100; i += 1) ByteWriter.pooled(8).bytes(new Uint8Array(8).fill(0xff)).done();
    expect(ByteWriter.pooled(8).uint8(1).skip(6).uint8(2).done()).toEqual(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 2));
  });

  it('throws when bytes are missing, when there are too many, and for fractions', () => {
    expect(() => new ByteWriter(2).uint8(1).done()).toThrow(RangeError);
    expect(() => new ByteWriter(1).int32(1)).toThrow(RangeError);
    expect(() => new ByteWriter(8).int64(0.5)).toThrow(RangeError);
    expect(() => new ByteWriter(8, new Uint8Array(7))).toThrow(RangeError);
  });
});
