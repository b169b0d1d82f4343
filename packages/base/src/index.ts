export { ByteReader } from './byte-reader.ts';
export { ByteWriter } from './byte-writer.ts';
export { concatBytes, equalBytes, equalSecretBytes, pooledBytes, releaseBytes } from './bytes.ts';
export type { Clock, RandomBytes } from './clock.ts';
export { fromBase64, fromBase64Url, fromHex, fromUtf8, toBase64, toBase64Url, toHex, toUtf8 } from './encoding.ts';
export { errorCodes } from './error-codes.ts';
export {
  ConfigError,
  DependencyError,
  errorMessage,
  InternalError,
  MalformedError,
  PlatformError,
  PolicyError,
  RequestError,
  UnsupportedError,
  VerificationError,
} from './errors.ts';
export type {
  DependencyErrorOptions,
  ErrorCodeTable,
  ErrorDetails,
  ErrorFamily,
  PlatformErrorOptions,
} from './errors.ts';
export { Secret } from './secret.ts';
