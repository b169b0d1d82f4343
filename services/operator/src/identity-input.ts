import { hashDii, textMember } from '@holdfast/uid2';
import type { DiiKind, HashedIdentity, JsonObject } from '@holdfast/uid2';

import { clientError } from './responses.ts';
import type { Refusal } from './responses.ts';

/** All kinds in the order in which the reference looks for them. */
export const DII_KINDS: readonly DiiKind[] = ['email', 'email_hash', 'phone', 'phone_hash'];

const EMAIL_KINDS: readonly DiiKind[] = ['email', 'email_hash'];

/** Kinds this operator takes where phone support matters. */
export function acceptedKinds(phoneSupport: boolean): readonly DiiKind[] {
  return phoneSupport ? DII_KINDS : EMAIL_KINDS;
}

/** 400: not exactly one of the accepted kinds was sent. */
export function exactlyOneRequired(phoneSupport: boolean): Refusal {
  const which = phoneSupport ? '[email, email_hash, phone, phone_hash]' : 'email or email_hash';
  return clientError(`Required Parameter Missing: exactly one of ${which} must be specified`);
}

/**
 * The one identity of a payload, normalised and hashed, or the refusal that says what is wrong with it. JSON null counts
 * as absent, numbers and booleans as their text.
 */
export function readIdentity(payload: JsonObject | null, phoneSupport: boolean): HashedIdentity | Refusal {
  let kind: DiiKind | undefined;
  let text = '';
  for (const candidate of acceptedKinds(phoneSupport)) {
    const value = payload === null ? undefined : textMember(payload, candidate);
    if (value === undefined) continue;
    if (kind !== undefined) return exactlyOneRequired(phoneSupport);
    kind = candidate;
    text = value;
  }
  if (kind === undefined) return exactlyOneRequired(phoneSupport);
  return hashDii(kind, text) ?? clientError('Invalid Identifier');
}

export function isRefusal(value: HashedIdentity | Refusal): value is Refusal {
  return 'httpStatus' in value;
}
