export { createRegoEngine } from './engine.ts';
export type { RegoEngine, RegoEngineOptions, RegoHostFunction, RegoQueryOptions } from './engine.ts';
export { regoErrorCodes } from './error-codes.ts';
export { fromJson as regoFromJson, toJson as regoToJson } from './json.ts';
export type { RegoJson } from './json.ts';
export { defaultRegoEngineLimits } from './limits.ts';
export type { RegoEngineLimits } from './limits.ts';
export type { RegoComparisonOperator, RegoObservation } from './observation.ts';
export { parseRegoModule } from './parse-module.ts';
export type { ParseRegoModuleOptions } from './parse-module.ts';
export type { RegoModule } from './syntax.ts';
export {
  compareValues as compareRegoValues,
  equalValues as equalRegoValues,
  RegoArray,
  RegoObject,
  RegoSet,
} from './value.ts';
export type { RegoValue } from './value.ts';
