import { posix } from 'node:path';

import { RequestError } from '@holdfast/base';

const MAX_PATH = 4096;
const MAX_NAME = 255;

/**
 * What is wrong with the path of a file in a volume, in the driver's words; undefined when nothing is.
 * @see secrets-store-csi-driver, the atomic writer
 */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'invalid path: must not be empty: ""';
  if (posix.isAbsolute(path)) return `invalid path: must be relative path: ${path}`;
  if (Buffer.byteLength(path) > MAX_PATH) {
    return `invalid path: must be less than or equal to ${MAX_PATH} characters`;
  }
  const parts = path.split('/');
  for (const part of parts) {
    if (part === '..') return `invalid path: must not contain '..': ${path}`;
    if (Buffer.byteLength(part) > MAX_NAME) {
      return `invalid path: filenames must be less than or equal to ${MAX_NAME} characters`;
    }
  }
  if (parts[0]?.startsWith('..') === true) return `invalid path: must not start with '..': ${path}`;
  // Not in the driver's list: no file system takes it.
  if (path.includes('\0') || posix.normalize(path) !== path || path.endsWith('/') || path === '.') {
    return `invalid filepath: ${JSON.stringify(path)}`;
  }
  return undefined;
}

/** @throws RequestError MOUNT_PATH_INVALID for the first path that cannot be written */
export function assertPaths(paths: Iterable<string>): void {
  for (const path of paths) {
    const problem = pathProblem(path);
    if (problem !== undefined) {
      throw new RequestError('MOUNT_PATH_INVALID', problem, {
        action: 'Correct objectName or objectAlias in the SecretProviderClass.',
      });
    }
  }
}
