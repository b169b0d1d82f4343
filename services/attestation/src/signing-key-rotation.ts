import type { Clock } from '@holdfast/base';

import type { SigningKey } from './signing-key.ts';

/** The signing key in force, beside those it replaced, which stay published while tokens under them are good. */
export interface SigningKeyRotation {
  readonly current: SigningKey;
  /** Puts another key in force. The same key again changes nothing; the answer says whether it was another. */
  rotate(next: SigningKey): boolean;
}

/** Tokens are good for eight hours; relying parties may be a few minutes behind, and keep keys for a while. */
const PUBLISHED_MS = 9 * 60 * 60 * 1000;

/** Rotation of the token signing key without a moment in which a good token cannot be verified. */
export function createSigningKeyRotation(initial: SigningKey, clock: Clock): SigningKeyRotation {
  let active = initial;
  let replaced: readonly { readonly key: SigningKey; readonly until: number }[] = [];
  return {
    get current() {
      replaced = replaced.filter(({ until }) => until > clock());
      return {
        ...active,
        jwks: { keys: [active, ...replaced.map(({ key }) => key)].flatMap(({ jwks }) => jwks.keys) },
      };
    },
    rotate(next) {
      if (next.kid === active.kid) return false;
      const others = replaced.filter(({ key }) => key.kid !== next.kid);
      replaced = [{ key: active, until: clock() + PUBLISHED_MS }, ...others];
      active = next;
      return true;
    },
  };
}
