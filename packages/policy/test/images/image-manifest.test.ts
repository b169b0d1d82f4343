import fc from 'fast-check';
import { describe, test } from 'vitest';

import { PlatformError } from '@holdfast/base';

import { parseImageConfig } from '../../src/images/image-config.ts';
import {
  chooseManifest,
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
  parseManifest,
} from '../../src/images/image-manifest.ts';
import type { ImageIndex, IndexEntry } from '../../src/images/image-manifest.ts';

const DIGEST = `sha256:${'1'.repeat(64)}`;
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const descriptor = (mediaType: string) => ({ mediaType, digest: DIGEST, size: 10 });
const manifest = {
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: descriptor(OCI_CONFIG),
  layers: [descriptor(`${OCI_LAYER}+gzip`)],
};
const LINUX = { os: 'linux', architecture: 'amd64' };

describe('parseManifest', () => {
  test('reads OCI and Docker manifests, with or without their own media type', ({ expect }) => {
    const docker = { ...manifest, mediaType: DOCKER_MANIFEST, config: descriptor(DOCKER_CONFIG) };
    expect(parseManifest(bytesOf(docker), DOCKER_MANIFEST)).toMatchObject({
      kind: 'manifest',
      mediaType: DOCKER_MANIFEST,
    });
    const { mediaType, ...bare } = manifest;
    expect(parseManifest(bytesOf(bare))).toMatchObject({ kind: 'manifest', mediaType, layers: manifest.layers });
    expect(parseManifest(bytesOf({ manifests: [descriptor(OCI_MANIFEST)] }))).toMatchObject({
      kind: 'index',
      mediaType: OCI_INDEX,
    });
  });

  test.for([
    ['schema 1', { schemaVersion: 1 }, undefined, 'IMAGE_MANIFEST_UNSUPPORTED'],
    ['both kinds at once', { ...manifest, manifests: [] }, undefined, 'IMAGE_MANIFEST_MALFORMED'],
    ['a media type that contradicts', manifest, OCI_INDEX, 'IMAGE_MANIFEST_MALFORMED'],
    [
      'an index that calls itself a manifest',
      { mediaType: OCI_MANIFEST, manifests: [] },
      undefined,
      'IMAGE_MANIFEST_MALFORMED',
    ],
    ['another media type', { ...manifest, mediaType: 'text/plain' }, undefined, 'IMAGE_MANIFEST_UNSUPPORTED'],
    [
      'encrypted layers',
      { ...manifest, layers: [descriptor(`${OCI_LAYER}+gzip+encrypted`)] },
      undefined,
      'IMAGE_MANIFEST_UNSUPPORTED',
    ],
    [
      'a digest that is a path',
      { ...manifest, config: { ...manifest.config, digest: '../../etc' } },
      undefined,
      'IMAGE_MANIFEST_MALFORMED',
    ],
    [
      'sha512',
      { ...manifest, config: { ...manifest.config, digest: `sha512:${'1'.repeat(128)}` } },
      undefined,
      'IMAGE_DIGEST_UNSUPPORTED',
    ],
    [
      'a negative size',
      { ...manifest, config: { ...manifest.config, size: -1 } },
      undefined,
      'IMAGE_MANIFEST_MALFORMED',
    ],
    [
      'too many layers',
      { ...manifest, layers: Array.from({ length: 2000 }, () => manifest.layers[0]) },
      undefined,
      'IMAGE_MANIFEST_MALFORMED',
    ],
    ['a list', [], undefined, 'IMAGE_MANIFEST_MALFORMED'],
    ['null', null, undefined, 'IMAGE_MANIFEST_MALFORMED'],
  ] as const)('refuses %s', ([, document, mediaType, code], { expect }) => {
    expect(() => parseManifest(bytesOf(document), mediaType)).toThrow(expect.objectContaining({ code }));
  });

  test('only our errors escape from damaged documents', ({ expect }) => {
    const whole = bytesOf(manifest);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ change;
        for (const bytes of [damaged, whole.subarray(0, at)]) {
          try {
            expect(parseManifest(bytes).kind).toMatch(/manifest|index/);
          } catch (error) {
            expect(error).toBeInstanceOf(PlatformError);
          }
        }
      }),
    );
  });
});

describe('chooseManifest', () => {
  const index = (...manifests: IndexEntry[]): ImageIndex => ({ kind: 'index', mediaType: OCI_INDEX, manifests });
  const entry = (size: number, more: Partial<IndexEntry> = {}): IndexEntry => ({
    mediaType: OCI_MANIFEST,
    digest: DIGEST,
    size,
    ...more,
  });

  test('takes the first entry for the platform and ignores the variant', ({ expect }) => {
    const chosen = chooseManifest(
      index(
        entry(1, { platform: { os: 'unknown', architecture: 'unknown' } }),
        entry(2, { platform: LINUX, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }),
        entry(3, { platform: { os: 'windows', architecture: 'amd64' } }),
        entry(4, { platform: { ...LINUX, variant: 'v3' } }),
        entry(5, { platform: LINUX }),
      ),
      LINUX,
    );
    expect(chosen.size).toBe(4);
  });

  test('takes a single image without a platform, but not one of several', ({ expect }) => {
    expect(chooseManifest(index(entry(1)), LINUX).size).toBe(1);
    for (const entries of [
      [entry(1), entry(2)],
      [],
      [entry(1, { platform: { os: 'linux', architecture: 'arm64' } })],
    ]) {
      expect(() => chooseManifest(index(...entries), LINUX)).toThrow(
        expect.objectContaining({ code: 'IMAGE_PLATFORM_UNAVAILABLE' }),
      );
    }
  });
});

describe('parseImageConfig', () => {
  test('keeps "neither Entrypoint nor Cmd" apart from empty lists', ({ expect }) => {
    const parse = (config: object) =>
      parseImageConfig(bytesOf({ ...LINUX, config, rootfs: { diff_ids: [DIGEST] } })).config;
    expect(parse({ Env: null, Labels: { a: 'b' } })).toEqual({ Env: null });
    expect(parse({ Cmd: [], Entrypoint: null })).toEqual({ Cmd: [], Entrypoint: null });
  });

  test.for([
    ['a diff id that is no digest', { rootfs: { diff_ids: ['x'] } }],
    ['a command that is no list', { config: { Cmd: 'sh' } }],
    ['a list', []],
  ] as const)('refuses %s', ([, document], { expect }) => {
    expect(() => parseImageConfig(bytesOf(document))).toThrow(
      expect.objectContaining({ code: 'IMAGE_CONFIG_MALFORMED' }),
    );
  });

  test('refuses bytes that are not UTF-8', ({ expect }) => {
    expect(() => parseImageConfig(Buffer.from([0x7b, 0xff, 0x7d]))).toThrow(
      expect.objectContaining({ code: 'IMAGE_CONFIG_MALFORMED' }),
    );
  });
});
