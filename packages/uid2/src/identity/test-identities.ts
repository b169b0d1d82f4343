import { equalBytes } from '@holdfast/base';

import { firstLevelHash, identityHash } from './identity-hash.ts';
import type { IdentityScope, IdentityType } from './identity.ts';

/**
 * What a test identity does. `optout`: opted out everywhere. `refresh-optout`: gets tokens and maps, but every refresh says
 * opted out. `validate`: never opted out, whatever the opt-out list says.
 */
export type TestIdentityBehaviour = 'optout' | 'refresh-optout' | 'validate';

export interface TestIdentities {
  readonly scope: IdentityScope;
  /** The behaviour bound to the first-level hash at `offset` (or the start) and type, or undefined for everybody else. */
  classify(firstLevelHash: Uint8Array, type: IdentityType, offset?: number): TestIdentityBehaviour | undefined;
}

const CONSTANTS: readonly (readonly [IdentityType, string, TestIdentityBehaviour])[] = [
  ['email', 'optout@example.com', 'optout'],
  ['phone', '+00000000000', 'optout'],
  ['email', 'refresh-optout@example.com', 'refresh-optout'],
  ['phone', '+00000000002', 'refresh-optout'],
  ['email', 'validate@example.com', 'validate'],
  ['phone', '+12345678901', 'validate'],
];

/**
 * The identities with fixed behaviour that UID2 documents for integration tests, recognised by their first-level hash so
 * that raw and hashed inputs both match. Build it again whenever the first-level salt changes.
 */
export function createTestIdentities(firstLevelSalt: string, scope: IdentityScope): TestIdentities {
  const known = CONSTANTS.map(([type, text, behaviour]) => {
    return { type, behaviour, flh: firstLevelHash(identityHash(text), firstLevelSalt) };
  });
  const firstBytes = new Uint8Array(256);
  for (const { flh } of known) firstBytes[flh[0] ?? 0] = 1;
  return {
    scope,
    classify(flh, type, offset = 0) {
      // One byte decides for practically everybody; this runs for every mapped identity.
      if (firstBytes[flh[offset] ?? 0] === 0) return undefined;
      for (const identity of known) {
        if (identity.flh[0] !== flh[offset] || identity.type !== type) continue;
        if (equalBytes(identity.flh, flh.subarray(offset, offset + identity.flh.length))) return identity.behaviour;
      }
      return undefined;
    },
  };
}
