export { cceErrorCodes } from './error-codes.ts';
