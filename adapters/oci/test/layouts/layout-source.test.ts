import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { afterEach, beforeEach, describe, test } from 'vitest';

import { PlatformError } from '@holdfast/base';
import { parseImageReference } from '@holdfast/policy';

import { LINUX_AMD64 } from '../../src/image-source.ts';
import { openLayout } from '../../src/layouts/layout-source.ts';
import { writeOciLayout } from '../../src/writer/oci-layout-writer.ts';
import type { LayerEntry } from '../../src/writer/tar-writer.ts';
import { digestOf } from '../support/fake-registry.ts';
import { collect, file, tarOf } from '../support/images.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-layouts-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function archive(entries: readonly LayerEntry[]): Promise<string> {
  const path = join(folder, 'archive.tar');
  await writeFile(path, await tarOf(entries));
  return path;
}

async function openImage(path: string, reference: string) {
  const source = await openLayout(path);
  try {
    const image = await source.open(parseImageReference(reference), LINUX_AMD64);
    const layers = [];
    for (const layer of image.layers) layers.push(await collect(image.openLayer(layer)));
    return { image, layers };
  } finally {
    await source.close();
  }
}

const bytes = (path: string, source: Uint8Array): LayerEntry => ({ kind: 'file', path, source });
const json = (path: string, value: unknown): LayerEntry => file(path, JSON.stringify(value));

async function dockerSave(layer: LayerEntry[], layerPath: string, diffId: string): Promise<string> {
  const config = { os: 'linux', architecture: 'amd64', config: { Cmd: ['x'] }, rootfs: { diff_ids: [diffId] } };
  const items = [
    { Config: 'other.json', RepoTags: ['other:1'], Layers: [] },
    { Config: 'config.json', RepoTags: ['team/app:1'], Layers: [layerPath] },
  ];
  return archive([json('manifest.json', items), json('config.json', config), ...layer]);
}

describe('openLayout, archives of docker save', () => {
  test('opens the image with a matching tag', async ({ expect }) => {
    const tar = await tarOf([file('a', 'b')]);
    const path = await dockerSave([bytes('abc/layer.tar', tar)], 'abc/layer.tar', digestOf(tar));
    for (const name of ['team/app:1', 'docker.io/team/app:1']) {
      const { image, layers } = await openImage(path, name);
      expect(layers[0]?.equals(tar)).toBe(true);
      expect(image.layers[0]).toMatchObject({ diffId: digestOf(tar), digest: digestOf(tar), compression: 'none' });
    }
    await expect(openImage(path, 'team/app:2')).rejects.toMatchObject({
      code: 'LAYOUT_IMAGE_UNKNOWN',
      message: expect.stringContaining('other:1, team/app:1'),
    });
  });

  test('follows layers that are links to other layers', async ({ expect }) => {
    const tar = await tarOf([file('a', 'b')]);
    const link: LayerEntry = { kind: 'symlink', path: 'abc/layer.tar', target: '../def/layer.tar' };
    const path = await dockerSave([link, bytes('def/layer.tar', tar)], 'abc/layer.tar', digestOf(tar));
    expect((await openImage(path, 'team/app:1')).layers[0]?.equals(tar)).toBe(true);
  });

  test('sees that layers of a containerd image store are compressed', async ({ expect }) => {
    const tar = await tarOf([file('a', 'b')]);
    const blob = gzipSync(tar);
    const name = `blobs/sha256/${digestOf(blob).slice(7)}`;
    const { image } = await openImage(await dockerSave([bytes(name, blob)], name, digestOf(tar)), 'team/app:1');
    expect(image.layers[0]).toMatchObject({ digest: digestOf(blob), diffId: digestOf(tar), compression: 'gzip' });
  });

  test('refuses a layer that is not what its diff id says', async ({ expect }) => {
    const tar = await tarOf([file('a', 'b')]);
    const path = await dockerSave([bytes('l/layer.tar', tar)], 'l/layer.tar', `sha256:${'0'.repeat(64)}`);
    await expect(openImage(path, 'team/app:1')).rejects.toMatchObject({ code: 'IMAGE_DIGEST_MISMATCH' });
  });

  test('refuses links in a circle', async ({ expect }) => {
    const links = (['a', 'b'] as const).map((path, at): LayerEntry => ({
      kind: 'symlink',
      path,
      target: at === 0 ? 'b' : 'a',
    }));
    const path = await dockerSave(links, 'a', `sha256:${'0'.repeat(64)}`);
    await expect(openImage(path, 'team/app:1')).rejects.toMatchObject({ code: 'LAYOUT_MALFORMED' });
  });
});

describe('openLayout, archives from before Docker 1.10', () => {
  const [top, base] = ['a'.repeat(64), 'b'.repeat(64)];

  test('follows the parents of the top layer and computes the diff ids', async ({ expect }) => {
    const [first, second] = [await tarOf([file('a', '1')]), await tarOf([file('b', '2')])];
    const path = await archive([
      json('repositories', { 'team/app': { '1': top } }),
      json(`${top}/json`, { id: top, parent: base, architecture: 'amd64', os: 'linux', config: { Cmd: ['x'] } }),
      bytes(`${top}/layer.tar`, second),
      json(`${base}/json`, { id: base }),
      bytes(`${base}/layer.tar`, first),
    ]);
    const { image, layers } = await openImage(path, 'team/app:1');
    expect(layers.map(digestOf)).toEqual([digestOf(first), digestOf(second)]);
    expect([image.config.diffIds, image.config.config]).toEqual([[digestOf(first), digestOf(second)], { Cmd: ['x'] }]);
  });

  test('refuses a chain of parents without end', async ({ expect }) => {
    const path = await archive([
      json('repositories', { app: { '1': top } }),
      json(`${top}/json`, { id: top, parent: top }),
      bytes(`${top}/layer.tar`, Buffer.alloc(1024)),
    ]);
    await expect(openImage(path, 'app:1')).rejects.toMatchObject({ code: 'LAYOUT_MALFORMED' });
  });
});

describe('openLayout, OCI image layouts', () => {
  const image = { config: { Cmd: ['x'] }, layers: [[file('a', 'b')]] };

  test('reads the same image from the folder and from a tar of it', async ({ expect }) => {
    const out = join(folder, 'out');
    const written = await writeOciLayout({ folder: out, image, reference: 'app:1' });
    execFileSync('tar', ['-cf', 'out.tar', '-C', 'out', '.'], { cwd: folder });
    for (const path of [out, join(folder, 'out.tar')]) {
      for (const name of ['app:1', `app@${written.manifestDigest}`]) {
        expect((await openImage(path, name)).image.manifestDigest).toBe(written.manifestDigest);
      }
    }
  });

  test('takes the only image under any name, but never for another digest', async ({ expect }) => {
    const out = join(folder, 'out');
    const written = await writeOciLayout({ folder: out, image });
    expect((await openImage(out, 'whatever')).image.manifestDigest).toBe(written.manifestDigest);
    const other = `app@sha256:${'0'.repeat(64)}`;
    await expect(openImage(out, other)).rejects.toMatchObject({ code: 'LAYOUT_IMAGE_UNKNOWN' });
  });

  test('refuses a blob with one flipped bit, wherever it is', async ({ expect }) => {
    const out = join(folder, 'out');
    const written = await writeOciLayout({ folder: out, image });
    const [layer] = written.layers;
    for (const digest of [written.manifestDigest, written.configDigest, layer?.digest ?? '']) {
      const path = join(out, 'blobs/sha256', digest.slice(7));
      const { readFile } = await import('node:fs/promises');
      const original = await readFile(path);
      const damaged = Buffer.from(original);
      damaged[20] = (damaged[20] ?? 0) ^ 1;
      await writeFile(path, damaged);
      await expect(openImage(out, 'app')).rejects.toMatchObject({ code: 'IMAGE_DIGEST_MISMATCH' });
      await writeFile(path, original);
    }
  });

  test.skipIf(process.platform === 'win32')('does not follow a link out of the folder', async ({ expect }) => {
    const out = join(folder, 'out');
    const [layer] = (await writeOciLayout({ folder: out, image })).layers;
    const path = join(out, 'blobs/sha256', (layer?.digest ?? '').slice(7));
    await rm(path);
    await symlink('/etc/hostname', path);
    await expect(openImage(out, 'app')).rejects.toMatchObject({ code: 'LAYOUT_MALFORMED' });
  });
});

describe('openLayout, anything else', () => {
  test.for([
    ['a compressed archive', gzipSync(Buffer.alloc(2048)), 'LAYOUT_MALFORMED'],
    ['an empty file', Buffer.alloc(0), 'LAYOUT_MALFORMED'],
    ['noise', Buffer.alloc(2048, 7), 'LAYER_TAR_MALFORMED'],
    ['an empty archive', Buffer.alloc(1024), 'LAYOUT_MALFORMED'],
  ] as const)('refuses %s', async ([, content, code], { expect }) => {
    const path = join(folder, 'x');
    await writeFile(path, content);
    await expect(openLayout(path)).rejects.toMatchObject({ code });
  });

  test('refuses a path where nothing is', async ({ expect }) => {
    await expect(openLayout(join(folder, 'none'))).rejects.toMatchObject({ code: 'LAYOUT_NOT_FOUND' });
  });

  test('an archive cut anywhere, or with a changed byte, fails with one of our errors or gives the same layer', async ({
    expect,
  }) => {
    const tar = await tarOf([file('a', 'b')]);
    const path = await dockerSave([bytes('l.tar', tar)], 'l.tar', digestOf(tar));
    const { readFile } = await import('node:fs/promises');
    const whole = await readFile(path);
    await mkdir(dirname(path), { recursive: true });
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.boolean(), fc.nat(254), async (at, cuts, value) => {
        const damaged = cuts ? whole.subarray(0, at) : Buffer.from(whole);
        if (!cuts) damaged[at] = ((damaged[at] ?? 0) + 1 + value) % 256;
        await writeFile(path, damaged);
        try {
          expect((await openImage(path, 'team/app:1')).layers[0]?.equals(tar)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
      { numRuns: 150 },
    );
  });
});
