export { errorCodes } from './error-codes.ts';
export { fetchSecret } from './fetch-secret.ts';
export type { FetchedSecret, FetchSecretOptions } from './fetch-secret.ts';
