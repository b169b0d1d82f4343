export { manifestsErrorCodes } from './error-codes.ts';
