import type { KeyObject } from 'node:crypto';

import { MalformedError, VerificationError } from '@holdfast/base';

import { decryptGcm } from '../tokens/gcm.ts';
import { decryptStanding } from '../tokens/standing-gcm.ts';

/** The plaintext of an AES-GCM message, or undefined when it is cut short, was changed or belongs to another key. */
export function openGcm(key: KeyObject, sealed: Uint8Array, additionalData?: Uint8Array): Uint8Array | undefined {
  return openedOrUndefined(() => decryptGcm(key, sealed, additionalData));
}

/** `openGcm` for a key that stays. */
export function openStandingGcm(key: KeyObject, sealed: Uint8Array): Uint8Array | undefined {
  return openedOrUndefined(() => decryptStanding(key, sealed));
}

function openedOrUndefined(open: () => Uint8Array): Uint8Array | undefined {
  try {
    return open();
  } catch (error) {
    // For callers that have one answer for all of these; anything else is a defect and goes on.
    if (error instanceof VerificationError || error instanceof MalformedError) return undefined;
    throw error;
  }
}
