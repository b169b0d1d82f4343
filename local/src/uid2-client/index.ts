export { ClientKeySet } from './key-set.ts';
export type { DecryptedToken } from './key-set.ts';
export { Uid2Client } from './uid2-client.ts';
export type { IdentityInput, MappedInput, TokenIdentity, TokenOutcome, Uid2ClientOptions } from './uid2-client.ts';
