import { randomBytes } from 'node:crypto';

import { afterEach, beforeEach, describe, test } from 'vitest';

import { DependencyError, Secret } from '@holdfast/base';
import { DOCKER_INDEX, OCI_INDEX, OCI_MANIFEST, parseImageReference } from '@holdfast/policy';

import { LINUX_AMD64 } from '../../src/image-source.ts';
import type { ImageSource, SourceImage } from '../../src/image-source.ts';
import { registrySource } from '../../src/registry/registry-source.ts';
import type { RegistrySourceOptions } from '../../src/registry/registry-source.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import type { Intercept } from '../support/fake-registry.ts';
import { collect, file, publishImage, tarOf, virtualTime } from '../support/images.ts';

let registry: FakeRegistry;
let other: FakeRegistry;
let time: ReturnType<typeof virtualTime>;
const sources: ImageSource[] = [];

beforeEach(async () => {
  registry = await FakeRegistry.start();
  other = await FakeRegistry.start();
  time = virtualTime();
});

afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  await registry.stop();
  await other.stop();
});

function open(name: string, options: RegistrySourceOptions = {}): Promise<SourceImage> {
  const source = registrySource({ plainHttp: { loopback: true }, retry: time.retry, ...options });
  sources.push(source);
  return source.open(parseImageReference(`${registry.host}/${name}`), LINUX_AMD64);
}

const failsWith = (code: string) => ({ code });

async function readFirstLayer(image: SourceImage): Promise<Buffer> {
  const [layer] = image.layers;
  if (layer === undefined) throw new Error('the image has no layer');
  return collect(image.openLayer(layer));
}

async function publishOne(bytes?: Buffer) {
  return publishImage(registry, 'app:1', [{ tar: bytes ?? (await tarOf([file('etc/passwd', 'root')])), packing: '' }], {
    Env: ['A=1'],
    Entrypoint: ['/app'],
  });
}

describe('registrySource', () => {
  test('opens an image by tag and by digest, and reads its layers', async ({ expect }) => {
    const tar = await tarOf([file('a', 'b')]);
    const { manifestDigest } = publishImage(registry, 'team/app:1', [{ tar }], { Cmd: ['x'] });
    for (const name of ['team/app:1', `team/app@${manifestDigest}`]) {
      const image = await open(name);
      expect([image.manifestDigest, image.config.config]).toEqual([manifestDigest, { Cmd: ['x'] }]);
      expect(image.layers[0]?.compression).toBe('gzip');
      expect((await readFirstLayer(image)).subarray(0, 2).toString('hex')).toBe('1f8b');
    }
  });

  test('chooses linux/amd64 from an index and skips attestations', async ({ expect }) => {
    const { manifestDigest, manifest } = await publishOne();
    const descriptor = (digest: string, size: number, platform?: object, annotations?: object) => ({
      mediaType: OCI_MANIFEST,
      digest,
      size,
      platform,
      annotations,
    });
    const size = JSON.stringify(manifest).length;
    const missing = `sha256:${'0'.repeat(64)}`;
    const manifests = [
      descriptor(missing, 1, { os: 'unknown', architecture: 'unknown' }),
      descriptor(
        missing,
        1,
        { os: 'linux', architecture: 'amd64' },
        { 'vnd.docker.reference.type': 'attestation-manifest' },
      ),
      descriptor(missing, 1, { os: 'linux', architecture: 'arm64', variant: 'v8' }),
      descriptor(manifestDigest, size, { os: 'linux', architecture: 'amd64' }),
    ];
    for (const mediaType of [OCI_INDEX, DOCKER_INDEX]) {
      registry.addManifest('app:multi', { schemaVersion: 2, mediaType, manifests }, mediaType);
      expect((await open('app:multi')).manifestDigest).toBe(manifestDigest);
    }
    const digest = registry.addManifest('app:multi', { schemaVersion: 2, manifests }, OCI_INDEX);
    expect((await open(`app@${digest}`)).manifestDigest).toBe(manifestDigest);
    registry.addManifest('app:arm', { schemaVersion: 2, manifests: manifests.slice(0, 3) }, OCI_INDEX);
    await expect(open('app:arm')).rejects.toMatchObject({
      code: 'IMAGE_PLATFORM_UNAVAILABLE',
      message: expect.stringContaining('linux/arm64/v8'),
    });
  });

  test.for([
    ['schema 1', { schemaVersion: 1, fsLayers: [] }, 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
    ['schema 1 without a media type', { schemaVersion: 1, fsLayers: [] }, 'application/json'],
    [
      'a Helm chart',
      {
        schemaVersion: 2,
        config: { mediaType: 'application/vnd.cncf.helm.config.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 2 },
        layers: [],
      },
      OCI_MANIFEST,
    ],
  ] as const)('refuses %s', async ([, document, mediaType], { expect }) => {
    registry.addManifest('app:1', document, mediaType);
    await expect(open('app:1')).rejects.toMatchObject(failsWith('IMAGE_MANIFEST_UNSUPPORTED'));
  });

  test('refuses a document that is an index and a manifest at once', async ({ expect }) => {
    const { manifest } = await publishOne();
    registry.addManifest('app:both', { ...manifest, manifests: [] }, OCI_MANIFEST);
    await expect(open('app:both')).rejects.toMatchObject(failsWith('IMAGE_MANIFEST_MALFORMED'));
  });

  test('says what to do about an image that does not exist', async ({ expect }) => {
    await expect(open('app:none')).rejects.toMatchObject({
      code: 'REGISTRY_MANIFEST_UNKNOWN',
      message: expect.stringContaining('MANIFEST_UNKNOWN: manifest unknown'),
    });
  });
});

describe('registrySource, when bytes are not what their digests say', () => {
  test('refuses a manifest that is not the one asked for', async ({ expect }) => {
    const { manifestDigest, manifest } = await publishOne();
    registry.manifests.set(manifestDigest, {
      bytes: Buffer.from(`${JSON.stringify(manifest)} `),
      mediaType: OCI_MANIFEST,
    });
    registry.manifests.delete('app:1');
    await expect(open(`app@${manifestDigest}`)).rejects.toMatchObject(failsWith('IMAGE_DIGEST_MISMATCH'));
  });

  test.for([
    ['one flipped bit', (bytes: Buffer) => bytes.fill((bytes[5] ?? 0) ^ 1, 5, 6), 'IMAGE_DIGEST_MISMATCH'],
    ['more bytes', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)]), 'IMAGE_SIZE_MISMATCH'],
  ] as const)('refuses a layer with %s', async ([, change, code], { expect }) => {
    const { layerDigests } = await publishOne(randomBytes(3000));
    const [digest = ''] = layerDigests;
    registry.blobs.set(digest, change(Buffer.from(registry.blobs.get(digest) ?? [])));
    await expect(open('app:1').then(readFirstLayer)).rejects.toMatchObject(failsWith(code));
  });

  test('refuses a configuration with one flipped bit', async ({ expect }) => {
    await publishOne();
    for (const [digest, bytes] of registry.blobs) {
      if (bytes[0] === 0x7b) registry.blobs.set(digest, Buffer.from(bytes).fill(0x20, 1, 2));
    }
    await expect(open('app:1')).rejects.toMatchObject(failsWith('IMAGE_DIGEST_MISMATCH'));
  });
});

describe('registrySource, downloading', () => {
  /** Breaks the connection of the first `times` blob requests after `bytes` bytes. */
  function cutting(digest: string, bytes: number, times: number, honoursRange = true): Intercept {
    let cuts = 0;
    return (request, response) => {
      if (!request.url?.includes(`/blobs/${digest}`)) return false;
      if (!honoursRange) delete request.headers['range'];
      if (cuts >= times) return false;
      cuts += 1;
      const offset = Number(/^bytes=(\d+)-$/.exec(request.headers['range'] ?? '')?.[1] ?? 0);
      const blob = registry.blobs.get(digest) ?? new Uint8Array();
      const range = offset === 0 ? {} : { 'content-range': `bytes ${offset}-${blob.length - 1}/${blob.length}` };
      response.writeHead(offset === 0 ? 200 : 206, { 'content-length': blob.length - offset, ...range });
      response.write(blob.subarray(offset, offset + bytes), () => response.destroy());
      return true;
    };
  }

  test('continues a broken download where it broke', async ({ expect }) => {
    const tar = randomBytes(300_000);
    const [digest = ''] = (await publishOne(tar)).layerDigests;
    registry.intercepts.push(cutting(digest, 90_000, 3));
    expect((await readFirstLayer(await open('app:1'))).equals(tar)).toBe(true);
    const ranges = registry.requests(/blobs/).map(({ headers }) => headers['range']);
    expect(ranges.filter((range) => range !== undefined).length).toBeGreaterThan(0);
  });

  test('starts again and drops what it has when the registry ignores ranges', async ({ expect }) => {
    const tar = randomBytes(200_000);
    const [digest = ''] = (await publishOne(tar)).layerDigests;
    registry.intercepts.push(cutting(digest, 70_000, 1, false));
    expect((await readFirstLayer(await open('app:1'))).equals(tar)).toBe(true);
  });

  test('gives up when connections bring nothing', async ({ expect }) => {
    const [digest = ''] = (await publishOne(randomBytes(1000))).layerDigests;
    registry.intercepts.push(cutting(digest, 0, 1000));
    await expect(open('app:1').then(readFirstLayer)).rejects.toMatchObject(failsWith('REGISTRY_UNREACHABLE'));
    expect(registry.requests(new RegExp(digest)).length).toBe(5);
  });

  test('waits as long as the registry asks, and backs off where it does not say', async ({ expect }) => {
    await publishOne();
    const answers = [
      [429, { 'retry-after': '7' }],
      [503, {}],
      [503, {}],
    ] as const;
    let next = 0;
    registry.intercepts.push((_request, response) => {
      const answer = answers[next];
      next += 1;
      if (answer === undefined) return false;
      response.writeHead(answer[0], answer[1]).end();
      return true;
    });
    await open('app:1');
    expect(time.sleeps).toEqual([7000, 500, 1000]);
  });

  test('does not wait for an hour', async ({ expect }) => {
    registry.intercepts.push((_request, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end();
      return true;
    });
    await expect(open('app:1')).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', retryable: true });
    expect(time.sleeps).toEqual([]);
  });

  test('says that a registry is not there', async ({ expect }) => {
    const gone = registry.host;
    await registry.stop();
    registry = await FakeRegistry.start();
    const source = registrySource({ plainHttp: { registries: [gone] }, retry: time.retry });
    sources.push(source);
    const failure = source.open(parseImageReference(`${gone}/app:1`), LINUX_AMD64);
    await expect(failure).rejects.toBeInstanceOf(DependencyError);
    await expect(failure).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('connection refused'),
    });
  });

  test('gives up on a registry that is too slow, counting only the time spent waiting for it', async ({ expect }) => {
    await publishOne();
    const pace = { graceMs: 1000, minBytesPerSecond: 1_000_000 };
    const image = await open('app:1', { pace });
    time.advance(60_000);
    await readFirstLayer(image);
    registry.intercepts.push(() => {
      time.advance(2000);
      return false;
    });
    await expect(readFirstLayer(image)).rejects.toMatchObject(failsWith('REGISTRY_TIMEOUT'));
  });

  test('gives up on a registry that never answers', async ({ expect }) => {
    registry.intercepts.push(() => true);
    const never = open('app:1', { connectTimeoutMs: 50, idleTimeoutMs: 50, retry: { ...time.retry, attempts: 2 } });
    await expect(never).rejects.toMatchObject(failsWith('REGISTRY_TIMEOUT'));
    expect(registry.seen.length).toBe(2);
  });

  test('limits the size of manifests', async ({ expect }) => {
    registry.addManifest('app:1', { schemaVersion: 2, filler: 'x'.repeat(5000) }, OCI_MANIFEST);
    const limits = { manifestBytes: 4000, configBytes: 4000, layerBytes: 4000 };
    await expect(open('app:1', { limits })).rejects.toMatchObject(failsWith('REGISTRY_ANSWER_INVALID'));
  });
});

describe('registrySource, redirected', () => {
  const credentials = () => Promise.resolve({ kind: 'basic', username: 'u', password: new Secret('p') } as const);

  function redirectBlobs(to: string): void {
    registry.intercepts.push((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="fake"' }).end();
        return true;
      }
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(307, { location: `${to}${request.url}` }).end();
      return true;
    });
  }

  test('follows to another host without the credentials', async ({ expect }) => {
    const tar = randomBytes(1000);
    await publishOne(tar);
    for (const [digest, bytes] of registry.blobs) other.blobs.set(digest, bytes);
    redirectBlobs(other.origin);
    expect((await readFirstLayer(await open('app:1', { credentials }))).equals(tar)).toBe(true);
    expect(registry.requests(/blobs/)[0]?.headers.authorization).toMatch(/^Basic /);
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  test('does not send credentials to a host that asks for them after a redirect', async ({ expect }) => {
    await publishOne();
    other.intercepts.push((_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="other"' }).end();
      return true;
    });
    redirectBlobs(other.origin);
    await expect(open('app:1', { credentials })).rejects.toMatchObject(failsWith('REGISTRY_UNAUTHORIZED'));
    expect(other.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test('does not let the host of a redirect choose where credentials go', async ({ expect }) => {
    await publishOne();
    other.intercepts.push((_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${other.origin}/token"` }).end();
      return true;
    });
    redirectBlobs(other.origin);
    await expect(open('app:1', { credentials })).rejects.toMatchObject(failsWith('REGISTRY_UNAUTHORIZED'));
    expect(other.requests(/token/)).toEqual([]);
  });

  test.for(['http://registry.example', 'ftp://registry.example', 'file:///etc/passwd?'])(
    'refuses to go to %s',
    async (to, { expect }) => {
      await publishOne();
      redirectBlobs(to);
      await expect(open('app:1', { credentials })).rejects.toMatchObject(failsWith('REGISTRY_REDIRECT_REFUSED'));
    },
  );

  test('refuses to go in a circle', async ({ expect }) => {
    await publishOne();
    redirectBlobs(registry.origin);
    await expect(open('app:1', { credentials })).rejects.toMatchObject(failsWith('REGISTRY_REDIRECT_REFUSED'));
  });
});
