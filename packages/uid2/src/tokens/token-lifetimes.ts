import { PolicyError } from '@holdfast/base';

/** How long tokens live, in seconds, as runtime configuration gives it. */
export interface TokenLifetimes {
  readonly identitySeconds: number;
  readonly refreshSeconds: number;
  readonly refreshAfterSeconds: number;
}

/**
 * Refuses lifetimes that contradict each other: identity ≤ refresh, refresh-after ≤ identity, refresh-after ≤ refresh.
 * Checked at every use, because runtime configuration can change.
 * @throws PolicyError TOKEN_LIFETIMES_INVALID
 */
export function checkTokenLifetimes(lifetimes: TokenLifetimes): void {
  const { identitySeconds, refreshSeconds, refreshAfterSeconds } = lifetimes;
  if (identitySeconds > refreshSeconds) throw contradiction('identity lifetime exceeds refresh lifetime');
  if (refreshAfterSeconds > identitySeconds) throw contradiction('refresh-after exceeds identity lifetime');
  if (refreshAfterSeconds > refreshSeconds) throw contradiction('refresh-after exceeds refresh lifetime');
}

function contradiction(problem: string): PolicyError {
  return new PolicyError('TOKEN_LIFETIMES_INVALID', problem);
}
