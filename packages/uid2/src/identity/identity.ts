/** Which of the two identity frameworks an operator serves. */
export type IdentityScope = 'uid2' | 'euid';

export type IdentityType = 'email' | 'phone';

/** Where identifiers live; part of every version 4 raw UID. */
export type IdentityEnvironment = 'test' | 'integ' | 'prod';

/** The four forms in which directly identifying information (DII) arrives. */
export type DiiKind = 'email' | 'email_hash' | 'phone' | 'phone_hash';

/** Normalised and hashed DII: the SHA-256 of the normalised text, or the bytes a caller sent instead of it. */
export interface HashedIdentity {
  readonly type: IdentityType;
  /** 32 bytes; 31 or 33 when a caller sent a hash of that length, which the reference accepts. */
  readonly hash: Uint8Array;
}

/** The number that stands for a scope in tokens and raw UIDs. */
export function scopeNumber(scope: IdentityScope): 0 | 1 {
  return scope === 'uid2' ? 0 : 1;
}

/** The number that stands for an identity type in tokens and raw UIDs. */
export function identityTypeNumber(type: IdentityType): 0 | 1 {
  return type === 'email' ? 0 : 1;
}

const ENVIRONMENT_NUMBERS = { test: 0, integ: 1, prod: 2 } as const;

/** The number that stands for an environment in raw UIDs. */
export function environmentNumber(environment: IdentityEnvironment): 0 | 1 | 2 {
  return ENVIRONMENT_NUMBERS[environment];
}
