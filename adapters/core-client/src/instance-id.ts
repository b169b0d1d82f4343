import { toHex } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

/** The value of `UID-Instance-Id`: the prefix and a random 64-bit number in hex, chosen once per process. */
export function createInstanceId(prefix: string, random: RandomBytes): string {
  return `${prefix}-${toHex(random(8)).replace(/^0+(?=.)/, '')}`;
}
