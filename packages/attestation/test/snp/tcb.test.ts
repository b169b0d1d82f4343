import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeTcb, encodeTcb } from '../../src/index.ts';
import { productFromCpuid } from '../../src/snp/product.ts';
import { tcbAtMost } from '../../src/snp/tcb.ts';

const byte = fc.integer({ min: 0, max: 255 });

describe('TCB versions', () => {
  it('decodes the layout of Milan and Genoa', () => {
    expect(decodeTcb(0x7308000000000003n, 'Milan')).toEqual({ bootloader: 3, tee: 0, snp: 8, microcode: 0x73 });
  });

  it('decodes the layout of Turin, which has an FMC in front', () => {
    expect(decodeTcb(0x4b00000004020001n, 'Turin')).toEqual({ fmc: 1, bootloader: 0, tee: 2, snp: 4, microcode: 0x4b });
  });

  it('round trips on every product', () => {
    fc.assert(
      fc.property(byte, byte, byte, byte, byte, (fmc, bootloader, tee, snp, microcode) => {
        const tcb = { bootloader, tee, snp, microcode };
        expect(decodeTcb(encodeTcb(tcb, 'Genoa'), 'Genoa')).toEqual(tcb);
        expect(decodeTcb(encodeTcb({ ...tcb, fmc }, 'Turin'), 'Turin')).toEqual({ ...tcb, fmc });
      }),
    );
  });

  it('compares component by component, so two versions may be incomparable', () => {
    const a = { bootloader: 3, tee: 0, snp: 8, microcode: 100 };
    const b = { bootloader: 4, tee: 0, snp: 7, microcode: 100 };
    expect([tcbAtMost(a, a), tcbAtMost(a, b), tcbAtMost(b, a)]).toEqual([true, false, false]);
  });
});

describe('productFromCpuid', () => {
  it.each([
    [0x19, 0x01, 'Milan'],
    [0x19, 0x11, 'Genoa'],
    [0x19, 0xaf, 'Genoa'],
    [0x1a, 0x02, 'Turin'],
    [0x1a, 0x50, undefined],
    [0x19, 0x20, undefined],
    [0x17, 0x01, undefined],
  ])('family %i model %i is %s', (family, model, product) => {
    expect(productFromCpuid({ family, model })).toBe(product);
  });
});
