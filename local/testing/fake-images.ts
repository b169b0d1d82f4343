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
    const path = isSidecar ? '/skr.sh' : '/app/holdfast';
    return { reference, config, formats, files: [{ kind: 'file', path, source, mode: 0o755 }] };
  });
}
