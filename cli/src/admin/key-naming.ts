import type { ApiKeyEnvironment } from '@holdfast/uid2';
import { keyNamingOf } from '@holdfast/uid2/administration';
import type { KeyNaming, World } from '@holdfast/uid2/administration';

const DEFAULT_NAMING: KeyNaming = { scope: 'uid2', environment: 'I' };

/** How new keys are named: like those there are, with the environment letter that was asked for. */
export function keyNaming(world: World, environment: ApiKeyEnvironment | undefined): KeyNaming {
  const known = keyNamingOf(world) ?? DEFAULT_NAMING;
  return environment === undefined ? known : { ...known, environment };
}
