export { enforcementErrorCodes } from './error-codes.ts';
