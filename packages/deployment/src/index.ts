export * from './arm/index.ts';
export * from './bundle/index.ts';
export * from './config/index.ts';
export * from './doctor/index.ts';
export * from './export/index.ts';
export * from './graph/index.ts';
export * from './manifests/index.ts';
export * from './plan/index.ts';
export { errorCodes } from './error-codes.ts';
