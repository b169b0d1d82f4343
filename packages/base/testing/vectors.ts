import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder with known answers that live outside this repository: `HOLDFAST_VECTORS`, or `shared/vectors` beside the
 * checkout. Undefined when there is none; tests that need it then skip visibly.
 */
export function vectorsFolder(): string | undefined {
  const beside = fileURLToPath(new URL('../../../../shared/vectors', import.meta.url));
  const folder = process.env['HOLDFAST_VECTORS'] ?? beside;
  return existsSync(folder) ? folder : undefined;
}

/** The parsed JSON of `<vectors folder>/<name>`, or undefined when the folder or file is missing. */
export function loadVectors(name: string): unknown {
  const folder = vectorsFolder();
  if (folder === undefined) return undefined;
  const file = join(folder, name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
