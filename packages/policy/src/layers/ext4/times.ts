import type { TarTime } from '../pax-records.ts';

/** Seconds that Go calls the zero time: 1 January of the year 1. The reference stores it as "no time". */
const GO_ZERO_SECONDS = -62_135_596_800n;
const LATEST = 0x3_7fff_ffffn;
const SECOND_BITS = 34n;
const SECOND_MASK = 0x3_ffff_ffffn;
const BILLION = 1_000_000_000n;

/** The two 32-bit halves of an ext4 time in 64 bits: seconds in 34 bits, nanoseconds above. No time is 0. */
export function encodeTime(time: TarTime | undefined): bigint {
  if (time === undefined || (time.seconds === GO_ZERO_SECONDS && time.nanoseconds === 0)) return 0n;
  if (time.seconds < -0x8000_0000n) return 0x8000_0000n;
  if (time.seconds > LATEST) return LATEST;
  return BigInt.asUintN(64, time.seconds) | (BigInt(time.nanoseconds) << SECOND_BITS);
}

/**
 * What becomes of an encoded time when the reference reads it back and stores it again, as it does for directories that an
 * archive does not carry: times before 1970 change.
 */
export function copyTime(encoded: bigint): bigint {
  if (encoded === 0n) return 0n;
  const low = encoded & SECOND_MASK;
  const seconds = low > 0x7fff_ffffn && low < 0x1_0000_0000n ? BigInt.asIntN(32, low) : low;
  const nanoseconds = encoded >> SECOND_BITS;
  return encodeTime({ seconds: seconds + nanoseconds / BILLION, nanoseconds: Number(nanoseconds % BILLION) });
}
