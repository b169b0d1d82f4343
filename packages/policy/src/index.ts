export * from './cce/index.ts';
export * from './enforcement/index.ts';
export * from './images/index.ts';
export * from './kata/index.ts';
export * from './manifests/index.ts';
export * from './regex/index.ts';
export * from './rego/index.ts';
export * from './rego-literals/index.ts';
export { errorCodes } from './error-codes.ts';
