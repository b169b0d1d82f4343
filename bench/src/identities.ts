import { identityHash } from '@holdfast/uid2';
import type { DiiKind } from '@holdfast/uid2';

import { toBase64 } from '@holdfast/base';

export const DII_KINDS: readonly DiiKind[] = ['email', 'email_hash', 'phone', 'phone_hash'];

/** First of two thousand million numbers of 10 digits, so that every index gives a phone number of the same length. */
const FIRST_NUMBER = 2_000_000_000;

/** Directly identifying information of the given kind. The same index always gives the same person, in every run. */
export function identityText(kind: DiiKind, index: number): string {
  switch (kind) {
    case 'email':
      return email(index);
    case 'phone':
      return phone(index);
    case 'email_hash':
      return toBase64(identityHash(email(index)));
    case 'phone_hash':
      return toBase64(identityHash(phone(index)));
    default:
      return kind satisfies never;
  }
}

function email(index: number): string {
  return `bench.user.${index}@example.com`;
}

function phone(index: number): string {
  return `+1${FIRST_NUMBER + index}`;
}
