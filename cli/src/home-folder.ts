import { resolve } from 'node:path';

import type { CliIo } from './context.ts';

/** The home folder of commands that are not given another one. */
const DEFAULT_HOME = '.holdfast';

/** The home folder that `--home` names, or the default one in the current folder; absolute. */
export function homeFolder({ cwd }: Pick<CliIo, 'cwd'>, home: string | undefined): string {
  return resolve(cwd, home ?? DEFAULT_HOME);
}
