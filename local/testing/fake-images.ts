import { pathToFileURL } from 'node:url';

import { toUtf8 } from '@holdfast/base';

import type { LocalImageDefinition } from '../src/images/build-local-image.ts';
import { operatorPodImages, SKR_IMAGE } from '../src/images/service-images.ts';
import { fakeServeCommand } from './fake-serve-command.ts';

/** The images of the operator's pod with programs that are stand-ins, under the names and commands of the real ones. */
export function fakeOperatorImages(): readonly LocalImageDefinition[] {
  const url = JSON.stringify(pathToFileURL(fakeServeCommand().at(-1) ?? '').href);
  return operatorPodImages.map(({ reference, config, formats }) => {
    const isSidecar = reference === SKR_IMAGE;
    // The stand-in wants the service's name as its first argument.
    const rearrange = isSidecar ? "process.argv.splice(2, 0, 'skr');" : 'process.argv.splice(2, 1);';
    const source = toUtf8(`#!/usr/bin/env node\n${rearrange}\nimport(${url});\n`);
    // As in the real images the program has a name that Node knows, and the command is a link to it.
    const [path, target] = isSidecar ? ['/skr.sh', 'app/program.mjs'] : ['/app/holdfast', 'program.mjs'];
    const files = [
      { kind: 'file', path: '/app/program.mjs', source, mode: 0o755 },
      { kind: 'symlink', path, target },
    ] as const;
    return { reference, config, formats, files };
  });
}
