import { createHash } from 'node:crypto';

import { RequestError, UnsupportedError } from '@holdfast/base';

import type { ImageFacts } from '../images/index.ts';
import type { KataProfile } from './policy-data.ts';

/** A layer as the AKS runtime names it, with the dm-verity root hash of its tarfs image in hex. */
export interface KataImageLayer {
  readonly name: string;
  readonly rootHash: string;
}

/** What the policy generator needs to know about an image. */
export interface KataImage {
  readonly environment: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly workingDir: string;
  /** `user[:group]`, empty when the image names none. */
  readonly user: string;
  readonly tty: boolean;
  /** Paths the image declares as volumes, sorted. */
  readonly volumes: readonly string[];
  /** Base layer first; empty in the upstream profile, which does not bind layers. */
  readonly layers: readonly KataImageLayer[];
  readonly passwd: string;
  readonly group: string;
}

/**
 * The generator's view of an image.
 * @throws UnsupportedError KATA_IMAGE_UNSUPPORTED for a layer that is not gzip: the runtime would number the layers differently
 * @throws RequestError KATA_IMAGE_FACTS_MISSING when a layer has no tarfs root hash, or neither a name nor the diff ids that make one
 */
export function kataImageOf(facts: ImageFacts, profile: KataProfile): KataImage {
  const { config } = facts;
  return {
    environment: config.Env ?? [],
    entrypoint: config.Entrypoint ?? [],
    command: config.Cmd ?? [],
    workingDir: config.WorkingDir ?? '',
    user: config.User ?? '',
    tty: config.Tty ?? false,
    volumes: Object.keys(config.Volumes ?? {}).toSorted(),
    layers: profile === 'ms' ? layersOf(facts) : [],
    passwd: facts.passwd ?? '',
    group: facts.group ?? '',
  };
}

function layersOf(facts: ImageFacts): KataImageLayer[] {
  const names = layerNames(facts.layers.map((layer) => layer.diffId));
  return facts.layers.map((layer, index) => {
    if (!/(?:\.|\+)gzip$/u.test(layer.mediaType)) {
      throw new UnsupportedError(
        'KATA_IMAGE_UNSUPPORTED',
        `Layer ${index} of ${facts.reference} has the media type ${layer.mediaType}; only gzip layers can be bound by a policy.`,
        { details: { image: facts.reference, layer: index } },
      );
    }
    if (layer.rootHashTarfs === undefined || !/^[0-9a-f]{64}$/u.test(layer.rootHashTarfs)) {
      throw factMissing(facts, index, 'has no tarfs root hash');
    }
    return { name: layer.layerName ?? computedName(facts, index, names), rootHash: layer.rootHashTarfs };
  });
}

/** Recorded facts may lack diff ids; a chain id over an empty one would be a name that no runtime uses. */
function computedName(facts: ImageFacts, index: number, names: readonly string[]): string {
  const name = names[index];
  const complete = facts.layers.slice(0, index + 1).every(({ diffId }) => diffId !== '');
  if (name === undefined || !complete) {
    throw factMissing(facts, index, 'has no name, and not all diff ids are known that would make one');
  }
  return name;
}

function factMissing({ reference }: ImageFacts, index: number, problem: string): RequestError {
  return new RequestError('KATA_IMAGE_FACTS_MISSING', `Layer ${index} of ${reference} ${problem}.`, {
    details: { image: reference, layer: index },
  });
}

/**
 * Names of layers, base first: the SHA-256 in hex of the text of the layer's chain id.
 * @see OCI Image Format Specification, "Layer ChainID"
 */
export function layerNames(diffIds: readonly string[]): string[] {
  let chain: string | undefined;
  return diffIds.map((diffId) => {
    chain = chain === undefined ? diffId : `sha256:${sha256(`${chain} ${diffId}`)}`;
    return sha256(chain);
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
