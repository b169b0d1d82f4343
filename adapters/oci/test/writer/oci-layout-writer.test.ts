import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, describe, test } from 'vitest';

import { parseImageReference } from '@holdfast/policy';

import { LINUX_AMD64 } from '../../src/image-source.ts';
import { openLayout } from '../../src/layouts/layout-source.ts';
import { openFileTree } from '../../src/layouts/file-tree.ts';
import { copyToOciLayout, writeOciLayout } from '../../src/writer/oci-layout-writer.ts';
import type { LayerEntry } from '../../src/writer/tar-writer.ts';
import { collect, file, tarOf } from '../support/images.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-layout-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const config = { Env: ['A=1'], Entrypoint: ['/app/main'], WorkingDir: '/app' };

async function sourceFile(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('writeOciLayout', () => {
  test('gives the same digests on another day and with the entries in another order', async ({ expect }) => {
    const source = await sourceFile('main.js', 'x'.repeat(600_000));
    const entries: LayerEntry[] = [
      { kind: 'file', path: 'app/main', source, mode: 0o755 },
      { kind: 'symlink', path: 'app/link', target: 'main' },
      file('etc/passwd', 'root:x:0:0::/:\n'),
      { kind: 'directory', path: 'app/data', mode: 0o700 },
    ];
    for (const compression of ['none', 'gzip'] as const) {
      const write = (name: string, layer: LayerEntry[]) =>
        writeOciLayout({ folder: join(folder, name), image: { config, layers: [layer] }, compression });
      const first = await write(`a-${compression}`, entries);
      await utimes(source, 1, 1);
      const second = await write(`b-${compression}`, entries.toReversed());
      expect(second).toEqual(first);
      expect(await readFile(join(folder, `a-${compression}/index.json`), 'utf8')).toBe(
        await readFile(join(folder, `b-${compression}/index.json`), 'utf8'),
      );
    }
  });

  test('keeps the digest it had when this test was written', async ({ expect }) => {
    const image = { config, layers: [[file('a/b', 'c'), { kind: 'symlink', path: 'l', target: 'a/b' } as const]] };
    const written = await writeOciLayout({ folder: join(folder, 'out'), image });
    expect(written).toMatchInlineSnapshot(`
      {
        "configDigest": "sha256:c715bc48c2bed3370134c2f78500cd71d11ea53dc9b55ee96444be188da04ab4",
        "layers": [
          {
            "compression": "none",
            "diffId": "sha256:13df09ec2d7afd2356a755f1eaf9ac7b99ce93c40231c82c98f3f2be20cd8c23",
            "digest": "sha256:13df09ec2d7afd2356a755f1eaf9ac7b99ce93c40231c82c98f3f2be20cd8c23",
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "size": 3072,
          },
        ],
        "manifestDigest": "sha256:b9abe9c26473e3689ea720f38a378bd6afe31725f5f982617f3434365384981f",
      }
    `);
  });

  test('writes an image that reads back as it was described', async ({ expect }) => {
    const out = join(folder, 'out');
    const layers = [[file('a', '1')], [file('b', '2')]];
    const written = await writeOciLayout({
      folder: out,
      image: { config, layers },
      reference: 'app:1',
      compression: 'gzip',
    });
    const source = await openLayout(out);
    const image = await source.open(parseImageReference('app:1'), LINUX_AMD64);
    expect([image.manifestDigest, image.layers, image.config.config]).toEqual([
      written.manifestDigest,
      written.layers,
      config,
    ]);
    await source.close();
    expect((await readdir(join(out, 'blobs/sha256'))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('replaces an image of the same name and keeps the others', async ({ expect }) => {
    const out = join(folder, 'out');
    const write = (reference: string, text: string) =>
      writeOciLayout({ folder: out, image: { config, layers: [[file('a', text)]] }, reference });
    await write('app:1', 'old');
    const other = await write('app:2', 'other');
    const replaced = await write('app:1', 'new');
    const source = await openLayout(out);
    const digests = [];
    for (const name of ['app:1', 'app:2'])
      digests.push((await source.open(parseImageReference(name), LINUX_AMD64)).manifestDigest);
    expect(digests).toEqual([replaced.manifestDigest, other.manifestDigest]);
    await source.close();
  });

  test.for([
    ['the same path twice', [file('a', '1'), file('./a', '2')]],
    ['a file that is also a folder', [file('a', '1'), file('a/b', '2')]],
    ['a path that climbs out', [file('../a', '1')]],
    ['a file that does not exist', [{ kind: 'file', path: 'a', source: '/does/not/exist' }]],
    ['a folder as a file', [{ kind: 'file', path: 'a', source: tmpdir() }]],
  ] as const)('refuses %s and leaves nothing behind', async ([, layer], { expect }) => {
    const out = join(folder, 'out');
    const failure = writeOciLayout({ folder: out, image: { config, layers: [layer] } });
    await expect(failure).rejects.toMatchObject({ code: 'LAYOUT_SOURCE_INVALID' });
    expect(await readdir(join(out, 'blobs/sha256'))).toEqual([]);
  });
});

describe('copyToOciLayout', () => {
  test('keeps every digest', async ({ expect }) => {
    const image = { config, layers: [[file('a', '1')], [file('a', '1')]] };
    const written = await writeOciLayout({ folder: join(folder, 'one'), image, compression: 'gzip' });
    const one = await openLayout(join(folder, 'one'));
    await copyToOciLayout(join(folder, 'two'), await one.open(parseImageReference('x'), LINUX_AMD64), 'x:1');
    await one.close();
    const two = await openLayout(join(folder, 'two'));
    const copy = await two.open(parseImageReference('x:1'), LINUX_AMD64);
    expect([copy.manifestDigest, copy.layers]).toEqual([written.manifestDigest, written.layers]);
    for (const layer of copy.layers) await collect(copy.openLayer(layer));
    await two.close();
  });
});

describe('writeTar and the archive index', () => {
  const part = fc.stringMatching(/^[a-zé→ -]{1,40}$/).filter((text) => text.trim() !== '');
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));

  test('any file comes back under its path', async ({ expect }) => {
    const contents = fc.dictionary(path, fc.uint8Array({ maxLength: 1500 }), { maxKeys: 8 }).filter((files) => {
      const names = Object.keys(files);
      return !names.some((name) => names.some((other) => other.startsWith(`${name}/`)));
    });
    await mkdir(join(folder, 'tars'));
    let count = 0;
    await fc.assert(
      fc.asyncProperty(contents, async (files) => {
        const archive = join(folder, 'tars', String((count += 1)));
        const entries = Object.entries(files).map(([path, source]) => ({ kind: 'file', path, source }) as const);
        await writeFile(archive, await tarOf(entries));
        const tree = await openFileTree(archive);
        for (const [name, content] of Object.entries(files)) {
          expect(Buffer.from(await tree.read(name, 2000)).equals(content)).toBe(true);
        }
        await tree.close();
      }),
      { numRuns: 40 },
    );
  });
});

describe('writeOciLayout on a base', () => {
  test('takes over its layers under OCI names, and nothing of its settings', async ({ expect }) => {
    const base = { config: { Env: ['B=1'], User: '7' }, layers: [[file('base', 'b'.repeat(2000))]] };
    const written = await writeOciLayout({ folder: join(folder, 'base'), image: base, compression: 'gzip' });
    const source = await openLayout(join(folder, 'base'));
    try {
      const opened = await source.open(parseImageReference('any'), LINUX_AMD64);
      const docker = { ...opened, layers: opened.layers.map((layer) => ({ ...layer, mediaType: 'docker' })) };
      const image = { base: docker, config, labels: { b: '2', a: '1' }, layers: [[file('own', 'o')]] };
      await writeOciLayout({ folder: join(folder, 'out'), image, reference: 'ours:1' });
    } finally {
      await source.close();
    }
    const made = await openLayout(join(folder, 'out'));
    try {
      const image = await made.open(parseImageReference('ours:1'), LINUX_AMD64);
      expect(image.layers[0]).toEqual(written.layers[0]);
      expect(image.layers.map(({ mediaType }) => mediaType.replace(/.*layer/, ''))).toEqual([
        '.v1.tar+gzip',
        '.v1.tar',
      ]);
      expect(image.config.diffIds).toEqual(image.layers.map(({ diffId }) => diffId));
      const settings = JSON.parse(Buffer.from(image.configBytes).toString('utf8')) as { readonly config: unknown };
      expect(settings.config).toEqual({ ...config, Labels: { a: '1', b: '2' } });
      const [first] = image.layers;
      if (first !== undefined) expect((await collect(image.openLayer(first))).length).toBe(first.size);
    } finally {
      await made.close();
    }
  });
});
