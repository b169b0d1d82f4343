export { kataErrorCodes } from './error-codes.ts';
