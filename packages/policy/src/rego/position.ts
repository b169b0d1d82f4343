import { MalformedError, UnsupportedError } from '@holdfast/base';

/** A place in a module: line and column from 1, columns in UTF-16 units. */
export interface RegoPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export function placeOf(at: RegoPosition): string {
  return `${at.file}:${at.line}:${at.column}`;
}

export function syntaxError(at: RegoPosition, problem: string): MalformedError {
  return malformedAt('REGO_SYNTAX_INVALID', at, problem);
}

export function malformedAt(code: string, at: RegoPosition, problem: string): MalformedError {
  return new MalformedError(code, `${placeOf(at)}: ${problem}.`, {
    details: { file: at.file, line: at.line, column: at.column },
  });
}

export function unsupportedAt(at: RegoPosition, problem: string): UnsupportedError {
  return new UnsupportedError('REGO_FEATURE_UNSUPPORTED', `${placeOf(at)}: ${problem}.`, {
    details: { file: at.file, line: at.line, column: at.column },
  });
}

export function limitExceeded(limit: string, allowed: number): UnsupportedError {
  return new UnsupportedError('REGO_LIMIT_EXCEEDED', `The policy exceeds the limit on ${limit} (${allowed}).`, {
    details: { limit, allowed },
  });
}
