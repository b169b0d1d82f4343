import { RequestError } from '@holdfast/base';

const MAX_PATH_LENGTH = 1024;

/** Control characters, backslash and colon: what some file system gives a meaning of its own. */
// oxlint-disable-next-line no-control-regex -- refusing control characters is the purpose
const FORBIDDEN = /[\u0000-\u001f\u007f\\:]/;

/** Names under which a write that is not finished yet lies beside its object. */
export const TEMPORARY_NAME = /\.\d+\.[0-9a-f]{8}\.tmp$/;

/**
 * The segments of an object path.
 * @throws RequestError OBJECT_PATH_INVALID
 */
export function objectPath(path: string): readonly string[] {
  const segments = path.split('/');
  if (path.length > MAX_PATH_LENGTH || FORBIDDEN.test(path) || TEMPORARY_NAME.test(path)) throw invalidPath(path);
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) throw invalidPath(path);
  // Windows drops trailing dots and blanks of a name, so two paths would be one object there.
  if (segments.some((segment) => segment.endsWith('.') || segment.endsWith(' '))) throw invalidPath(path);
  return segments;
}

/** The error for a path that no object can have. The path is shown as JSON text so that nothing in it reaches a terminal raw. */
export function invalidPath(path: string, cause?: unknown): RequestError {
  return new RequestError('OBJECT_PATH_INVALID', `${JSON.stringify(path.slice(0, 200))} is not an object path`, {
    ...(cause === undefined ? {} : { cause }),
    action: 'Use segments joined with single slashes, without dots, backslashes, colons or links.',
  });
}
