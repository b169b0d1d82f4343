import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, test } from 'vitest';

import { Secret } from '@holdfast/base';
import { parseImageReference } from '@holdfast/policy';

import { LINUX_AMD64 } from '../../src/image-source.ts';
import type { ImageSource, SourceImage } from '../../src/image-source.ts';
import { openLayout } from '../../src/layouts/layout-source.ts';
import { pushImage } from '../../src/registry/push.ts';
import { RegistryClient } from '../../src/registry/registry-client.ts';
import { writeOciLayout } from '../../src/writer/oci-layout-writer.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { collect, file, virtualTime } from '../support/images.ts';

let folder: string;
let registry: FakeRegistry;
let other: FakeRegistry;
let client: RegistryClient;
let layout: ImageSource;
let image: SourceImage;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-push-'));
  registry = await FakeRegistry.start();
  other = await FakeRegistry.start();
  const credentials = () => Promise.resolve({ kind: 'basic', username: 'u', password: new Secret('p') } as const);
  client = new RegistryClient({ plainHttp: { loopback: true }, retry: virtualTime().retry, credentials });
  const layers = [[file('a', '1')], [file('b', '2')], [file('a', '1')]];
  await writeOciLayout({ folder, image: { config: {}, layers } });
  layout = await openLayout(folder);
  image = await layout.open(parseImageReference('app'), LINUX_AMD64);
});

afterEach(async () => {
  await layout.close();
  await client.close();
  await registry.stop();
  await other.stop();
  await rm(folder, { recursive: true });
});

const push = () => pushImage(client, parseImageReference(`${registry.host}/team/app:1`), image);

describe('pushImage', () => {
  test('uploads every blob once and the manifest last', async ({ expect }) => {
    expect(await push()).toBe(image.manifestDigest);
    const puts = registry.requests(/^PUT/).map(({ path }) => path);
    expect(puts.length).toBe(4);
    expect(puts.at(-1)).toBe('/v2/team/app/manifests/1');
    for (const layer of image.layers) {
      expect((await collect(image.openLayer(layer))).equals(registry.blobs.get(layer.digest) ?? new Uint8Array())).toBe(
        true,
      );
    }
  });

  test('keeps the state that the registry put into the upload address', async ({ expect }) => {
    await push();
    expect(registry.requests(/^PUT .*uploads.*\?state=x&digest=sha256%3A/).length).toBe(3);
  });

  test('does not upload what is there', async ({ expect }) => {
    await push();
    const before = registry.requests(/^PUT/).length;
    await push();
    expect(registry.requests(/^PUT/).length - before).toBe(1);
  });

  test('starts an upload again when the registry fails', async ({ expect }) => {
    let failures = 0;
    registry.intercepts.push((request, response) => {
      if (request.method !== 'PUT' || failures >= 2) return false;
      failures += 1;
      response.writeHead(500).end();
      return true;
    });
    expect(await push()).toBe(image.manifestDigest);
  });

  test('uploads elsewhere without the credentials of the registry', async ({ expect }) => {
    registry.intercepts.push((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        return true;
      }
      if (request.method !== 'POST') return false;
      response.writeHead(202, { location: `${other.origin}/v2/x/blobs/up` }).end();
      return true;
    });
    await push();
    expect(other.requests(/^PUT/).length).toBe(3);
    expect(other.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test('does not push a layer that changed in the layout', async ({ expect }) => {
    const [layer] = image.layers;
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(folder, 'blobs/sha256', (layer?.digest ?? '').slice(7)), Buffer.alloc(layer?.size ?? 0));
    await expect(push()).rejects.toMatchObject({ code: 'IMAGE_DIGEST_MISMATCH' });
    expect(registry.requests(/manifests/)).toEqual([]);
    // Not even the registry has seen the whole of it.
    expect(registry.blobs.has(layer?.digest ?? '')).toBe(false);
  });

  test('reports a refusal', async ({ expect }) => {
    registry.intercepts.push((request, response) => {
      if (request.method !== 'POST') return false;
      response.writeHead(403).end('{"errors":[{"code":"DENIED"}]}');
      return true;
    });
    await expect(push()).rejects.toMatchObject({
      code: 'REGISTRY_FORBIDDEN',
      message: expect.stringContaining('DENIED'),
    });
  });
});
