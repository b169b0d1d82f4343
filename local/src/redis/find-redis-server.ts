import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export const REDIS_SERVER_MISSING = 'redis-server is not installed on this machine (apt install redis-server)';

/**
 * Debian's redis-server, or the one that HOLDFAST_REDIS_SERVER names (empty: none); undefined when there is none.
 * @param environment Of the process.
 */
export function findRedisServer(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = environment['HOLDFAST_REDIS_SERVER'];
  if (named !== undefined) return named === '' ? undefined : named;
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, 'redis-server')).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not in this folder
  }
}
