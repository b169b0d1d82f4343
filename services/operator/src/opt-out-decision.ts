import { createTestIdentities } from '@holdfast/uid2';
import type { IdentityScope, IdentityType, OptOutIndex, TestIdentities } from '@holdfast/uid2';

/**
 * The test identities of the current first-level salt. The reference computes them once at start, so that a change of the
 * salt silently disables them; here they follow the salt.
 */
export class TestIdentityCache {
  readonly #scope: IdentityScope;
  #salt: string | undefined;
  #identities: TestIdentities | undefined;

  constructor(scope: IdentityScope) {
    this.#scope = scope;
  }

  of(firstLevelSalt: string): TestIdentities {
    if (this.#identities === undefined || this.#salt !== firstLevelSalt) {
      this.#identities = createTestIdentities(firstLevelSalt, this.#scope);
      this.#salt = firstLevelSalt;
    }
    return this.#identities;
  }
}

/** The index answers with a time, which nobody compares with anything. */
const ANY_TIME = 1;

/**
 * Whether an identity counts as opted out. Test identities go before the data; for everybody else any recorded opt-out
 * stays for good. The first-level hash begins at `offset`.
 */
export function isOptedOut(
  testIdentities: TestIdentities,
  optOuts: OptOutIndex,
  firstLevelHash: Uint8Array,
  type: IdentityType,
  forRefresh: boolean,
  offset = 0,
): boolean {
  switch (testIdentities.classify(firstLevelHash, type, offset)) {
    case 'optout':
      return true;
    case 'refresh-optout':
      return forRefresh;
    case 'validate':
      return false;
    default:
      return optOuts.optedOutAt(firstLevelHash, ANY_TIME, offset) !== undefined;
  }
}
