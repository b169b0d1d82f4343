export { regoLiteralsErrorCodes } from './error-codes.ts';
export { equalLiterals, FrameworkReference, isLiteralArray, isLiteralObject } from './literal-value.ts';
export type { LiteralObject, LiteralValue } from './literal-value.ts';
export { defaultRegoLimits, literalOf, readLiteralPolicy, requireLiteralsOnly } from './reader.ts';
export type { CustomRule, LiteralPolicy, RegoLimits } from './reader.ts';
