import { createHash } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '@holdfast/policy';

import { writeTar } from '../../src/writer/tar-writer.ts';
import type { LayerEntry } from '../../src/writer/tar-writer.ts';
import { digestOf } from './fake-registry.ts';
import type { FakeRegistry } from './fake-registry.ts';
import type { LayerHasher } from '../../src/layer-hasher.ts';

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

export function tarOf(entries: readonly LayerEntry[]): Promise<Buffer> {
  return collect(writeTar(entries, 0));
}

export function file(path: string, text: string): LayerEntry {
  return { kind: 'file', path, source: Buffer.from(text) };
}

export type Packing = '' | '+gzip' | '+zstd';

function pack(tar: Buffer, packing: Packing): Buffer {
  return packing === '+gzip' ? gzipSync(tar) : packing === '+zstd' ? zstdCompressSync(tar) : tar;
}

/** Puts an image with the given layer tars into a fake registry; answers the digest of its manifest. */
export function publishImage(
  registry: FakeRegistry,
  name: string,
  layers: readonly { readonly tar: Buffer; readonly packing?: Packing }[],
  config: object = {},
): { manifestDigest: string; manifest: object; layerDigests: string[] } {
  const blobs = layers.map(({ tar, packing = '+gzip' }) => ({ bytes: pack(tar, packing), packing }));
  const configBytes = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) },
    }),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: registry.addBlob(configBytes), size: configBytes.length },
    layers: blobs.map(({ bytes, packing }) => ({
      mediaType: `${OCI_LAYER}${packing}`,
      digest: registry.addBlob(bytes),
      size: bytes.length,
    })),
  };
  return {
    manifestDigest: registry.addManifest(name, manifest, OCI_MANIFEST),
    manifest,
    layerDigests: blobs.map(({ bytes }) => digestOf(bytes)),
  };
}

/** Stands for the real hasher: a root hash that anybody can compute, over all bytes of the tar. */
export const digestHasher: LayerHasher = {
  hash: async (chunks) => {
    const hash = createHash('sha256');
    for await (const chunk of chunks) hash.update(chunk);
    const hex = hash.digest('hex');
    return { diffId: `sha256:${hex}`, rootHashExt4: hex };
  },
};

/** Time that passes only when somebody sleeps. */
export function virtualTime() {
  const sleeps: number[] = [];
  let now = 1_700_000_000_000;
  return {
    sleeps,
    advance: (ms: number) => void (now += ms),
    retry: {
      clock: () => now,
      random: () => 0.5,
      sleep: (ms: number) => {
        sleeps.push(ms);
        now += ms;
        return Promise.resolve();
      },
    },
  };
}
