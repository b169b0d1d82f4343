import { createHash } from 'node:crypto';

import { concatBytes, fromHex, toHex, toUtf8 } from '@holdfast/base';

/** Namespace of the names of role assignments; never changes, or every assignment would be made twice. */
const ROLE_ASSIGNMENTS = '5b0ff1c4-0a0c-5d0e-9a53-6f2d8c1b7e41';

/** A name-based UUID (RFC 9562, version 5: SHA-1). */
export function uuidV5(namespace: string, text: string): string {
  const bytes = concatBytes(fromHex(namespace.replaceAll('-', '')), toUtf8(text));
  const digest = createHash('sha1').update(bytes).digest().subarray(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = toHex(digest);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * The name of a role assignment. `subject` is a stable name of who gets the role, such as the id of an identity, and never
 * its principal id, which is unknown before it exists and changes when it is made anew.
 */
export function assignmentName(scope: string, subject: string, roleGuid: string): string {
  return uuidV5(ROLE_ASSIGNMENTS, `${scope.toLowerCase()}|${subject.toLowerCase()}|${roleGuid}`);
}
