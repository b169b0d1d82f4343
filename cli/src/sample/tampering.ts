import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { LocalImage } from '@holdfast/local';

import type { Tampering } from '../commands/sample.ts';
import { CONSUMER, loosenedPolicy, withPolicy, withVariables } from './pods.ts';
import type { PodObject } from './pods.ts';

/** A pod and the images it is run from. */
export interface PodRun {
  readonly pod: PodObject;
  readonly images: readonly LocalImage[];
}

/** Lets everybody on the network look into a program for Node. */
const DEBUGGER = '--inspect=0.0.0.0';

/**
 * The consumer's pod with its policy, and one thing changed that its owner did not want: the policy itself, one bit of the
 * image, the command, or a variable.
 * @param folder For a changed layer.
 */
export async function tamperedRun(
  what: Tampering,
  { pod, images }: PodRun,
  policy: string,
  folder: string,
): Promise<PodRun> {
  if (what === 'policy') return { pod: withPolicy(pod, loosenedPolicy(policy)), images };
  const honest = withPolicy(pod, policy);
  if (what === 'command') return { pod: withArguments(honest, [DEBUGGER]), images };
  if (what === 'variable') return { pod: withVariables(honest, { [CONSUMER]: { NODE_OPTIONS: DEBUGGER } }), images };
  const own = pod.spec.containers.find(({ name }) => name === CONSUMER)?.image;
  const changed = images.map(async (image) => (image.facts.reference === own ? flipBit(image, folder) : image));
  return { pod: honest, images: await Promise.all(changed) };
}

function withArguments(pod: PodObject, args: readonly string[]): PodObject {
  const containers = pod.spec.containers.map((container) =>
    container.name === CONSUMER ? { ...container, args } : container,
  );
  return { ...pod, spec: { ...pod.spec, containers } };
}

/** An image with one bit of a program in its top layer turned over. */
async function flipBit(image: LocalImage, folder: string): Promise<LocalImage> {
  const layer = await readFile(image.layerFiles.at(-1) ?? '');
  const at = layer.indexOf('import ');
  layer[at] = (layer[at] ?? 0) ^ 1;
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'changed-layer.tar');
  await writeFile(file, layer);
  return { ...image, layerFiles: [...image.layerFiles.slice(0, -1), file] };
}
