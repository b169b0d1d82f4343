import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, test } from 'vitest';

import { PlatformError } from '@holdfast/base';
import { loadVectors, vectorsFolder } from '@holdfast/base/testing';

import type { ImageFacts } from '../../src/images/image-facts.ts';
import { formatImageFacts, parseImageFacts, recordedImageFacts } from '../../src/images/recorded-image-facts.ts';

const DIGEST = `sha256:${'1'.repeat(64)}`;

function factsOf(reference: string): ImageFacts {
  return {
    reference,
    manifestDigest: DIGEST,
    platform: { os: 'linux', architecture: 'amd64' },
    config: { Env: ['A=1'], Cmd: null },
    layers: [
      {
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: DIGEST,
        size: 10,
        diffId: DIGEST,
        rootHashExt4: '2'.repeat(64),
      },
    ],
    passwd: 'root:x:0:0::/:\n',
  };
}

describe('formatImageFacts and parseImageFacts', () => {
  test('facts come back as they were', ({ expect }) => {
    const facts = [factsOf('a:1'), factsOf('b:1')];
    expect(parseImageFacts(JSON.parse(formatImageFacts(facts)))).toEqual(facts);
  });

  test('the order of images and of fields does not change the bytes', ({ expect }) => {
    const { layers, ...rest } = factsOf('a:1');
    const turned = { layers, ...rest };
    expect(formatImageFacts([factsOf('b:1'), turned])).toBe(formatImageFacts([factsOf('a:1'), factsOf('b:1')]));
  });

  test.for([
    ['a list', []],
    ['null', null],
    ['another version', { version: 2, images: [] }],
    ['a root hash that is too short', { a: { config: {}, layers: ['12'] } }],
    [
      'an empty root hash',
      { version: 1, images: [{ ...factsOf('a'), layers: [{ ...factsOf('a').layers[0], rootHashExt4: '' }] }] },
    ],
    ['a layer without a root hash', { a: { overlayNames: ['1'.repeat(64)], rootHashes: [] } }],
    ['a command that is no list', { version: 1, images: [{ ...factsOf('a'), config: { Cmd: 'sh' } }] }],
  ] as const)('refuses %s', ([, json], { expect }) => {
    expect(() => parseImageFacts(json)).toThrow(expect.objectContaining({ code: 'IMAGE_FACTS_MALFORMED' }));
  });

  test('only our errors escape from arbitrary JSON', ({ expect }) => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        try {
          expect(Array.isArray(parseImageFacts(json))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });
});

describe('recordedImageFacts', () => {
  const source = recordedImageFacts([factsOf('nginx:1'), factsOf(`ghcr.io/a/b:1@${DIGEST}`)]);

  test.for(['nginx:1', 'docker.io/library/nginx:1', `ghcr.io/a/b@${DIGEST}`, `ghcr.io/a/b:2@${DIGEST}`])(
    'answers %s under the name that was asked for',
    async (reference, { expect }) => {
      expect((await source(reference)).reference).toBe(reference);
    },
  );

  test.for(['nginx', 'nginx:2', 'ghcr.io/a/b:1', 'ghcr.io/a/c:1', 'Not A Reference'])(
    'has nothing about %s',
    async (reference, { expect }) => {
      await expect(source(reference)).rejects.toMatchObject({ code: 'IMAGE_FACTS_UNKNOWN' });
    },
  );
});

describe.skipIf(vectorsFolder() === undefined)('parseImageFacts, tables of published images', () => {
  test('reads the root hashes for CCE policies, base layer first', ({ expect }) => {
    const facts = parseImageFacts(loadVectors('policy/cce/images.json'));
    expect(facts.length).toBe(3);
    expect(facts[1]?.layers[0]?.rootHashExt4).toMatch(/^4e74440c/);
    expect(facts[1]?.manifestDigest).toBe('sha256:86da7a2c5e55b72bf6bc7cf465b860e49c075395d854877124de63a9342ac777');
  });

  test('reads every table of the AKS profile of Kata, base layer first', ({ expect }) => {
    const folder = join(vectorsFolder() ?? '', 'policy/kata-ms');
    const files = readdirSync(folder).filter((name) => name.endsWith('.images.json'));
    expect(files.length).toBeGreaterThan(30);
    for (const file of files) {
      for (const { layers } of parseImageFacts(loadVectors(`policy/kata-ms/${file}`))) {
        expect(layers.length).toBeGreaterThan(0);
        expect(
          layers.every(({ layerName, rootHashTarfs }) => layerName?.length === 64 && rootHashTarfs?.length === 64),
        ).toBe(true);
      }
    }
    const [pause] = parseImageFacts(loadVectors('policy/kata-ms/configmap__pod-cm1.images.json'));
    expect(pause?.layers.map(({ layerName }) => layerName?.slice(0, 8))).toEqual(['d1940fd0', '7cdaa632']);
    expect(pause?.config).toEqual({
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      WorkingDir: '/',
      User: '',
      Entrypoint: [],
      Cmd: ['/pause'],
    });
  });

  test('reads the accounts for the upstream profile of Kata', ({ expect }) => {
    const facts = parseImageFacts(loadVectors('policy/kata-eval/images.json'));
    const busybox = facts.find(({ reference }) => reference.includes('busybox'));
    expect([busybox?.passwd, busybox?.config.Volumes]).toEqual(['root:x:0:0:root:/root:/bin/sh\n', {}]);
  });
});
