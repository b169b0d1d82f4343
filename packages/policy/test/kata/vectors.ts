import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadVectors, vectorsFolder } from '@holdfast/base/testing';

import type { KataImage } from '../../src/kata/image.ts';

/** One row of the index of policy vectors; only the members that the Kata kinds have. */
export interface KataCase {
  readonly id: string;
  readonly kind: string;
  readonly input: string;
  readonly images: string;
  readonly file: string;
  readonly policyData: string;
  readonly files: readonly string[];
  readonly resources: readonly {
    readonly resourceIndex: number;
    readonly kind: string;
    readonly policyData: string;
    readonly policyDataSha256: string;
    readonly policySha256: string;
    readonly policyBytes: number;
    readonly base64Length: number;
  }[];
  readonly computed: { readonly policyData: string; readonly requests: string };
  readonly cases: readonly { readonly description?: string; readonly name?: string; readonly allowed: boolean }[];
}

const index = loadVectors('policy/index.json') as { readonly cases: readonly KataCase[] } | undefined;

/** Cases of one kind; empty when the vectors are not there. */
export function kataCases(kind: string): readonly KataCase[] {
  return (index?.cases ?? []).filter((entry) => entry.kind === kind);
}

export const vectorsMissing: boolean = index === undefined;

export function vectorText(name: string): string {
  return readFileSync(join(vectorsFolder() ?? '', 'policy', name), 'utf8');
}

export function vectorJson(name: string): unknown {
  return JSON.parse(vectorText(name)) as unknown;
}

interface RecordedImage {
  readonly Env?: string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly Entrypoint?: string[];
  readonly Cmd?: string[];
  readonly Tty?: boolean;
  readonly Volumes?: string[];
  readonly overlayNames?: string[];
  readonly rootHashes?: string[];
}

/** An image as the vectors record it: layer names and hashes top first. */
export function recordedImage(image: RecordedImage, passwd = '', group = ''): KataImage {
  const hashes = image.rootHashes ?? [];
  return {
    environment: image.Env ?? [],
    entrypoint: image.Entrypoint ?? [],
    command: image.Cmd ?? [],
    workingDir: image.WorkingDir ?? '',
    user: image.User ?? '',
    tty: image.Tty ?? false,
    volumes: image.Volumes ?? [],
    layers: (image.overlayNames ?? []).map((name, at) => ({ name, rootHash: hashes[at] ?? '' })).toReversed(),
    passwd,
    group,
  };
}

export function msImages(name: string): Map<string, KataImage> {
  const images = vectorJson(name) as Record<string, RecordedImage>;
  return new Map(Object.entries(images).map(([reference, image]) => [reference, recordedImage(image)]));
}

export function upstreamImages(): Map<string, KataImage> {
  const { images } = vectorJson('kata-eval/images.json') as {
    images: Record<string, { config: RecordedImage; passwd: string; group: string }>;
  };
  return new Map(
    Object.entries(images).map(([reference, image]) => [
      reference,
      recordedImage(image.config, image.passwd, image.group),
    ]),
  );
}
