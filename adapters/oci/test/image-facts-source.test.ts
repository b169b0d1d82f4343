import { afterEach, beforeEach, describe, test } from 'vitest';

import { imageFactsSource } from '../src/image-facts-source.ts';
import type { ImageFactsOptions } from '../src/image-facts-source.ts';
import type { ImageSource } from '../src/image-source.ts';
import { createLayerHasher } from '../src/layer-hashing/index.ts';
import { registrySource } from '../src/registry/registry-source.ts';
import { FakeRegistry, digestOf } from './support/fake-registry.ts';
import { digestHasher, file, publishImage, tarOf, virtualTime } from './support/images.ts';
import type { Packing } from './support/images.ts';

let registry: FakeRegistry;
let source: ImageSource;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  source = registrySource({ plainHttp: { loopback: true }, retry: virtualTime().retry });
});

afterEach(async () => {
  await source.close();
  await registry.stop();
});

function factsOf(name: string, options: Partial<ImageFactsOptions> = {}) {
  const facts = imageFactsSource({ sourceOf: () => source, hasher: digestHasher, formats: ['ext4'], ...options });
  return facts(`${registry.host}/${name}`);
}

const rootHashOf = (tar: Buffer) => digestOf(tar).slice(7);

describe('imageFactsSource', () => {
  test('hashes the tar inside every kind of layer, base layer first', async ({ expect }) => {
    const tars = await Promise.all(['1', '2', '3'].map((text) => tarOf([file('a', text)])));
    const packings: Packing[] = ['', '+gzip', '+zstd'];
    const layers = tars.map((tar, at) => ({ tar, packing: packings[at] ?? '' }));
    const { manifestDigest, layerDigests } = publishImage(registry, 'app:1', layers, { User: '1000' });
    const facts = await factsOf('app:1');
    expect(facts).toMatchObject({
      reference: `${registry.host}/app:1`,
      manifestDigest,
      platform: { os: 'linux', architecture: 'amd64' },
      config: { User: '1000' },
    });
    expect(facts.layers.map(({ rootHashExt4 }) => rootHashExt4)).toEqual(tars.map(rootHashOf));
    expect(facts.layers.map(({ diffId }) => diffId)).toEqual(tars.map(digestOf));
    expect(facts.layers.map(({ digest }) => digest)).toEqual(layerDigests);
  });

  test('reads a layer that the image has twice only once', async ({ expect }) => {
    const tar = await tarOf([file('a', 'b')]);
    const { layerDigests } = publishImage(registry, 'app:1', [{ tar }, { tar }]);
    expect((await factsOf('app:1')).layers.length).toBe(2);
    expect(registry.requests(new RegExp(layerDigests[0] ?? '')).length).toBe(1);
  });

  test('does not fetch layers whose hashes are cached', async ({ expect }) => {
    const tar = await tarOf([file('a', 'b')]);
    const { layerDigests } = publishImage(registry, 'app:1', [{ tar }]);
    const hasher = { ...digestHasher, lookup: () => Promise.resolve({ rootHashExt4: 'f'.repeat(64) }) };
    expect((await factsOf('app:1', { hasher })).layers[0]?.rootHashExt4).toBe('f'.repeat(64));
    expect(registry.requests(new RegExp(layerDigests[0] ?? '')).length).toBe(0);
  });

  test('reads the accounts of an image in the same pass', async ({ expect }) => {
    const tars = [
      await tarOf([file('etc/passwd', 'p'), file('etc/group', 'g')]),
      await tarOf([file('etc/.wh.group', '')]),
    ];
    publishImage(
      registry,
      'app:1',
      tars.map((tar) => ({ tar })),
    );
    const facts = await factsOf('app:1', { accounts: true });
    expect([facts.passwd, facts.group, facts.layers[0]?.rootHashExt4]).toEqual([
      'p',
      undefined,
      rootHashOf(tars[0] ?? Buffer.alloc(0)),
    ]);
    const withoutHashes = await factsOf('app:1', { accounts: true, formats: [] });
    expect([withoutHashes.passwd, withoutHashes.layers[0]?.rootHashExt4]).toEqual(['p', undefined]);
  });

  test('refuses a layer whose tar is not what the configuration says', async ({ expect }) => {
    const { manifest } = publishImage(registry, 'app:1', [{ tar: await tarOf([file('a', 'b')]) }]);
    const { manifest: other } = publishImage(registry, 'app:2', [{ tar: await tarOf([file('a', 'c')]) }]);
    const mixed = { ...manifest, layers: (other as { layers: unknown }).layers };
    registry.addManifest('app:mixed', mixed, 'application/vnd.oci.image.manifest.v1+json');
    for (const formats of [['ext4'], []] as const) {
      const failure = factsOf('app:mixed', { formats, accounts: true });
      await expect(failure).rejects.toMatchObject({ code: 'IMAGE_DIGEST_MISMATCH' });
    }
  });

  test('refuses a layer that is not compressed as its media type says', async ({ expect }) => {
    const tar = await tarOf([file('a', 'b')]);
    for (const packing of ['+gzip', '+zstd'] as const) {
      const { manifest } = publishImage(registry, 'app:1', [{ tar, packing: '' }]);
      const text = JSON.stringify(manifest).replace('layer.v1.tar', `layer.v1.tar${packing}`);
      registry.addManifest('app:1', JSON.parse(text), 'application/vnd.oci.image.manifest.v1+json');
      await expect(factsOf('app:1')).rejects.toMatchObject({ code: 'LAYER_COMPRESSION_INVALID' });
    }
  });

  test('stops a layer that expands without end', async ({ expect }) => {
    publishImage(registry, 'app:1', [{ tar: Buffer.alloc(20_000_000) }]);
    await expect(factsOf('app:1', { maxLayerBytes: 1_000_000 })).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' });
  });

  test('refuses an image whose configuration names another number of layers', async ({ expect }) => {
    const { manifest } = publishImage(registry, 'app:1', [{ tar: await tarOf([file('a', 'b')]) }]);
    registry.addManifest('app:1', { ...manifest, layers: [] }, 'application/vnd.oci.image.manifest.v1+json');
    await expect(factsOf('app:1')).rejects.toMatchObject({ code: 'IMAGE_CONFIG_MALFORMED' });
  });

  test('reports the error that stopped it when several layers are read at once', async ({ expect }) => {
    const tars = await Promise.all(
      ['1', '2', '3', '4', '5', '6'].map((text) => tarOf([file('a', text.repeat(50_000))])),
    );
    const { layerDigests } = publishImage(
      registry,
      'app:1',
      tars.map((tar) => ({ tar })),
    );
    registry.blobs.set(layerDigests[2] ?? '', Buffer.from('damaged'));
    await expect(factsOf('app:1')).rejects.toMatchObject({ code: 'IMAGE_SIZE_MISMATCH' });
  });

  test('calls a layer that was changed on the way by that name, even when it is no tar any more', async ({
    expect,
  }) => {
    const { layerDigests } = publishImage(registry, 'app:1', [{ tar: await tarOf([file('a', 'b')]), packing: '' }]);
    const damaged = Buffer.from(registry.blobs.get(layerDigests[0] ?? '') ?? []).fill(0xff, 100, 200);
    registry.blobs.set(layerDigests[0] ?? '', damaged);
    await expect(factsOf('app:1', { hasher: createLayerHasher() })).rejects.toMatchObject({
      code: 'IMAGE_DIGEST_MISMATCH',
    });
  });

  test('looks a reference up once, and again after a failure', async ({ expect }) => {
    const facts = imageFactsSource({ sourceOf: () => source, hasher: digestHasher, formats: ['ext4'] });
    const reference = `${registry.host}/app:1`;
    await expect(facts(reference)).rejects.toMatchObject({ code: 'REGISTRY_MANIFEST_UNKNOWN' });
    publishImage(registry, 'app:1', [{ tar: await tarOf([file('a', 'b')]) }]);
    await Promise.all([facts(reference), facts(reference)]);
    expect(registry.requests(/manifests/).length).toBe(2);
  });
});
