import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { collectProgramFiles } from '../local/src/images/program-files.ts';

// Copies what one service needs at run time to a folder, in the places that an image has it: the same files that
// `holdfast release build` puts into its layers. Used by the container files beside this one.
//   node deploy/copy-program.ts operator /image

const [service, target] = process.argv.slice(2);
if ((service !== 'operator' && service !== 'skr') || target === undefined) {
  process.stderr.write('usage: node deploy/copy-program.ts operator|skr FOLDER\n');
  process.exit(64);
}

const repository = fileURLToPath(new URL('..', import.meta.url));
const { dependencies, program } = collectProgramFiles(repository, {
  workspaces: [`services/${service}`],
  commandLine: { workspace: 'cli', dependencies: ['@stricli/core', '@holdfast/base', '@holdfast/process'] },
});
for (const file of [...dependencies, ...program]) {
  const path = join(target, file.path);
  mkdirSync(dirname(path), { recursive: true });
  if ('linkTarget' in file) symlinkSync(file.linkTarget, path);
  else cpSync(file.source, path);
}
