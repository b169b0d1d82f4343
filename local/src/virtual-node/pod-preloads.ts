import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { plainJavaScript, plainName } from './plain-javascript.ts';

const SOURCES = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = 'preloads';
const PRELOADS = {
  network: 'virtual-node/pod-network-preload.ts',
  mounts: 'virtual-node/pod-mounts-preload.ts',
} as const;
/** What they import. */
const OTHERS = ['process/machine-port.ts', 'virtual-node/mount-paths.ts'];

/**
 * Puts what Node loads into every program of a pod into the pod's folder, as plain JavaScript: a source with types would cost each
 * thread of each program what takes types out, which a program of an image has no use for.
 */
export async function writePodPreloads(podFolder: string): Promise<void> {
  for (const source of [...Object.values(PRELOADS), ...OTHERS]) {
    const file = join(podFolder, FOLDER, plainName(source));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, plainJavaScript(join(SOURCES, source)));
  }
  await writeFile(join(podFolder, FOLDER, 'package.json'), '{"type":"module"}\n');
}

/** The option of Node that loads one of them. */
export function preloadOption(podFolder: string, preload: keyof typeof PRELOADS): string {
  return `--import=${pathToFileURL(join(podFolder, FOLDER, plainName(PRELOADS[preload]))).href}`;
}
