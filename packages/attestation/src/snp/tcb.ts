import type { SnpProduct } from './product.ts';

/** The security versions in a TCB_VERSION, one byte each. `fmc` exists on Turin only. */
export interface SnpTcb {
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
  readonly fmc?: number;
}

/** The eight bytes of a TCB_VERSION in report order. Which byte means what depends on the product line. */
export function tcbBytes(value: bigint): Uint8Array {
  const low = Number(value & 0xffff_ffffn);
  const high = Number(value >> 32n);
  return Uint8Array.of(low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8, high >>> 16, high >>> 24);
}

/** The components of a TCB_VERSION (the 64-bit value as read little-endian from a report). Reserved bytes are ignored. */
export function decodeTcb(value: bigint, product: SnpProduct): SnpTcb {
  const [first = 0, second = 0, third = 0, fourth = 0, , , seventh = 0, microcode = 0] = tcbBytes(value);
  return product === 'Turin'
    ? { fmc: first, bootloader: second, tee: third, snp: fourth, microcode }
    : { bootloader: first, tee: second, snp: seventh, microcode };
}

/** The 64-bit TCB_VERSION of components for one product line. */
export function encodeTcb(tcb: SnpTcb, product: SnpProduct): bigint {
  const bytes =
    product === 'Turin'
      ? [tcb.fmc ?? 0, tcb.bootloader, tcb.tee, tcb.snp, 0, 0, 0, tcb.microcode]
      : [tcb.bootloader, tcb.tee, 0, 0, 0, 0, tcb.snp, tcb.microcode];
  return new DataView(Uint8Array.from(bytes).buffer).getBigUint64(0, true);
}

/** Whether every component of `a` is at most that of `b`. Two versions may be incomparable: then neither is below. */
export function tcbAtMost(a: SnpTcb, b: SnpTcb): boolean {
  return (
    a.bootloader <= b.bootloader &&
    a.tee <= b.tee &&
    a.snp <= b.snp &&
    a.microcode <= b.microcode &&
    (a.fmc ?? 0) <= (b.fmc ?? 0)
  );
}
