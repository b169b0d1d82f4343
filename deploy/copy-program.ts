import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bundleProgram } from '../local/src/images/bundle-program.ts';

// Writes the program of one image to a folder, in the place that an image has it: for operator and sidecar the same files that
// `holdfast release build` puts into their layers. Used by the container files beside this one.
//   node deploy/copy-program.ts operator /image

const IMAGES: Readonly<Record<string, readonly string[]>> = {
  operator: ['services/operator'],
  skr: ['services/skr'],
  identity: ['services/webhook', 'services/pod-identity', 'services/secrets-store'],
};

const [image = '', target] = process.argv.slice(2);
const workspaces = IMAGES[image];
if (workspaces === undefined || target === undefined) {
  process.stderr.write(`usage: node deploy/copy-program.ts ${Object.keys(IMAGES).join('|')} FOLDER\n`);
  process.exit(64);
}

const { files } = await bundleProgram(fileURLToPath(new URL('..', import.meta.url)), workspaces);
for (const file of files) {
  const path = join(target, file.path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, file.source);
}
