import type { RandomBytes } from '@holdfast/base';
import type { KeyObject } from 'node:crypto';

import { GCM_IV_SIZE, GCM_OVERHEAD } from '../../src/tokens/gcm.ts';

type Seal = (key: KeyObject, bytes: Uint8Array, at: number, length: number, randomBytes: RandomBytes) => void;

/** `sealStanding` for a plaintext that stands somewhere else, with room before and behind that must stay as it is. */
export function sealedBy(seal: Seal, key: KeyObject, plaintext: Uint8Array, randomBytes: RandomBytes): Uint8Array {
  const [before, behind] = [3, 5];
  const end = before + GCM_OVERHEAD + plaintext.length;
  const bytes = new Uint8Array(end + behind).fill(0xaa);
  bytes.set(plaintext, before + GCM_IV_SIZE);
  seal(key, bytes, before, plaintext.length, randomBytes);
  for (const [i, byte] of bytes.entries()) {
    if ((i < before || i >= end) && byte !== 0xaa) throw new Error(`byte ${i} beside the message was changed`);
  }
  return bytes.slice(before, end);
}
