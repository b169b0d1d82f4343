export { layersErrorCodes } from './error-codes.ts';
