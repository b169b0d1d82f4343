export { errorCodes } from './error-codes.ts';
export { fetchSecret } from './fetch-secret.ts';
export type { FetchedSecret, FetchSecretOptions } from './fetch-secret.ts';
export { openVaultKeys } from './vault-keys.ts';
export type { NewVaultKey, VaultConnection, VaultKey, VaultKeys } from './vault-keys.ts';
