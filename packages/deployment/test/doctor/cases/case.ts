import type { Facts, ProfileName } from '../../../src/index.ts';

type Input = readonly [more: string, facts: Facts];

/** Profile, what passes, what fails, and what the message says. */
type Case = readonly [profile: ProfileName, pass: Input, fail: Input, message: string];

/** The case of each check, by its id. */
export type Cases = Readonly<Record<string, Case>>;
