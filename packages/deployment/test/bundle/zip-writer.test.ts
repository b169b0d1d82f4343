import { toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readZip, writeZip } from '../../src/index.ts';

const limits = { maxEntries: 100, maxBytes: 1024 * 1024 };

describe('writeZip', () => {
  it('makes what readZip reads', () => {
    const name = fc.stringMatching(/^[a-z][a-zä/]{0,6}[a-z]$/).filter((path) => !path.includes('//'));
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, fc.uint8Array({ maxLength: 50 })), { selector: ([path]) => path }),
        (list) => {
          const files = new Map(list);
          expect(readZip(writeZip(files), limits)).toEqual(files);
        },
      ),
    );
  });

  it('makes the same bytes in any order of files', () => {
    const [a, b] = [['a.yaml', toUtf8('a')] as const, ['b.txt', toUtf8('b')] as const];
    expect(writeZip(new Map([b, a]))).toEqual(writeZip(new Map([a, b])));
  });

  it('keeps the bytes it had when this test was written', () => {
    const bytes = writeZip(new Map([['operator.yaml', toUtf8('kind: Deployment\n')]]));
    expect(Buffer.from(bytes).toString('hex')).toMatchInlineSnapshot(
      `"504b030414000008000000002100d3886f0711000000110000000d0000006f70657261746f722e79616d6c6b696e643a204465706c6f796d656e740a504b0102140014000008000000002100d3886f0711000000110000000d00000000000000000000000000000000006f70657261746f722e79616d6c504b050600000000010001003b0000003c0000000000"`,
    );
  });

  it('can be read by other programs, which check the sums', () => {
    const bytes = writeZip(new Map([['a', toUtf8('abc')]]));
    const sum = Buffer.from(bytes).readUInt32LE(14);
    // CRC-32 of "abc".
    expect(sum).toBe(0x352441c2);
  });
});
