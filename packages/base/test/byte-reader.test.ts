import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ByteReader, ByteWriter, MalformedError } from '../src/index.ts';

describe('ByteReader', () => {
  it('reads back what ByteWriter wrote', () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.uint8Array({ minLength: 3, maxLength: 3 }),
        (a, b, c, d, e) => {
          const bytes = new ByteWriter(1 + 4 + 8 + 8 + 3).uint8(a).int32(b).int64(c).uint64le(d).bytes(e).done();
          const reader = new ByteReader(bytes, 'TEST_MALFORMED', 'test');
          expect([reader.uint8(), reader.int32(), reader.int64(), reader.uint64le()]).toEqual([a, b, c, d]);
          expect(reader.rest()).toEqual(e);
          reader.end();
        },
      ),
    );
  });

  it('hands out bytes whose slice is a copy, also when the input is a Buffer', () => {
    const input = Buffer.from([1, 2, 3]);
    new ByteReader(input, 'TEST_MALFORMED', 'test').bytes(3).slice().reverse();
    expect([...input]).toEqual([1, 2, 3]);
  });

  it('names the format and the offset when the input ends early', () => {
    const reader = new ByteReader(new Uint8Array(3), 'TEST_MALFORMED', 'a record');
    expect(() => reader.int32()).toThrow(
      expect.objectContaining({ code: 'TEST_MALFORMED', message: expect.stringContaining('a record') }),
    );
  });

  it('refuses bytes that are left over and integers beyond 2^53', () => {
    expect(() => new ByteReader(new Uint8Array(1), 'TEST_MALFORMED', 'a record').end()).toThrow(MalformedError);
    expect(() => new ByteReader(new Uint8Array(8).fill(0x7f), 'TEST_MALFORMED', 'a record').int64()).toThrow(
      MalformedError,
    );
  });
});
