/**
 * The error families every package throws. A family says who has to act; the code says what happened and never changes
 * once released; the action says what to do next.
 */

/** Facts about a failure that a program may read. Never secrets, never whole inputs. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface PlatformErrorOptions {
  readonly cause?: unknown;
  readonly details?: ErrorDetails;
  /** One sentence: what the person who reads this should do next. */
  readonly action?: string;
}

/** Base of all errors that leave a package. `code` is stable and documented in docs/reference/errors.md. */
export abstract class PlatformError extends Error {
  abstract readonly family: ErrorFamily;
  readonly code: string;
  readonly details: ErrorDetails;
  readonly action: string | undefined;

  constructor(code: string, message: string, options: PlatformErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
    this.action = options.action;
  }
}

export type ErrorFamily =
  | 'malformed'
  | 'unsupported'
  | 'verification'
  | 'policy'
  | 'request'
  | 'dependency'
  | 'config'
  | 'internal';

/** Bytes or text are not the format they claim to be. */
export class MalformedError extends PlatformError {
  readonly family = 'malformed';
}

/** Well-formed, but a version or algorithm this release does not know. */
export class UnsupportedError extends PlatformError {
  readonly family = 'unsupported';
}

/** The format is fine, the evidence does not hold. */
export class VerificationError extends PlatformError {
  readonly family = 'verification';
}

/** The evidence holds, a policy says no. */
export class PolicyError extends PlatformError {
  readonly family = 'policy';
}

/** The caller's parameters are wrong. */
export class RequestError extends PlatformError {
  readonly family = 'request';
}

export interface DependencyErrorOptions extends PlatformErrorOptions {
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
}

/** Something outside this process failed or did not answer in time. */
export class DependencyError extends PlatformError {
  readonly family = 'dependency';
  readonly retryable: boolean;

  constructor(code: string, message: string, options: DependencyErrorOptions) {
    super(code, message, options);
    this.retryable = options.retryable;
  }
}

/** The process cannot start as configured. `problems` lists everything that is wrong, each with its path. */
export class ConfigError extends PlatformError {
  readonly family = 'config';
  readonly problems: readonly string[];

  constructor(code: string, problems: readonly string[], options: PlatformErrorOptions = {}) {
    super(code, problems.join('; '), options);
    this.problems = problems;
  }
}

/** A defect in this program. */
export class InternalError extends PlatformError {
  readonly family = 'internal';
}

/** The text of anything that was thrown, for a log line or a chained message. */
export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** One row per code a workspace throws; `docs/reference/errors.md` is generated from these tables. */
export type ErrorCodeTable = Readonly<
  Record<string, { readonly family: ErrorFamily; readonly meaning: string; readonly action: string }>
>;
