import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

import { fromUtf8 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { bundleProgram } from '../../src/images/bundle-program.ts';
import type { ProgramBundle } from '../../src/images/bundle-program.ts';
import { REPOSITORY } from '../../src/images/image-folders.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const run = promisify(execFile);
const OPERATOR_THREADS = [
  'file-threads/read-opt-outs.mjs',
  'file-threads/read-salts.mjs',
  'map-workers/map.mjs',
  'serving-threads/serve.mjs',
  'threads/thread-entry.mjs',
];

async function unpack(folder: string, { files }: ProgramBundle): Promise<string> {
  for (const file of files) {
    const path = join(folder, file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file.source);
  }
  return join(folder, 'app/cli/bin/holdfast.mjs');
}

/** Runs a program without settings; answers how it ended and what it said. */
async function ended(program: string, ...args: readonly string[]): Promise<{ code: number; said: string }> {
  return run(process.execPath, [program, ...args], { env: {} }).then(
    ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      said: error.stdout + error.stderr,
    }),
  );
}

/** The manifests of the package that a file belongs to, and of those around it. */
function manifestsAbove(file: string): readonly string[] {
  const manifests: string[] = [];
  for (let folder = dirname(file); folder.startsWith(REPOSITORY); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) manifests.push(manifest);
  }
  return manifests;
}

describe('bundleProgram', () => {
  const operator = bundleProgram(REPOSITORY, ['services/operator']);

  it('holds the program and its threads in a few files, and no folder of packages', async () => {
    const { files } = await operator;
    const paths = files.map(({ path }) => path);
    expect(paths).toContain('/app/cli/bin/holdfast.mjs');
    for (const thread of OPERATOR_THREADS) expect(paths).toContain(`/app/services/operator/src/${thread}`);
    expect(paths.filter((path) => path.includes('node_modules') || path.endsWith('.ts'))).toEqual([]);
    expect(paths.length).toBeLessThan(100);
    expect(paths).toEqual([...paths].sort());
  });

  it('passes on the licenses of the packages whose code it holds', async () => {
    const { files } = await operator;
    const notices = fromUtf8(files.find(({ path }) => path === '/app/THIRD-PARTY-LICENSES.txt')!.source);
    expect(notices).toMatch(/^undici \d+\.\d+\.\d+ \(MIT\)\n\n(?:MIT License|Copyright)[^]+THE SOFTWARE IS PROVIDED/m);
    expect(notices).toMatch(/^@azure\/identity \S+ \(MIT\)$/m);
    expect(notices).not.toContain('@holdfast/');
  });

  it('names what it was made of, and nothing of other services', async () => {
    const { sources } = await operator;
    const expected = [
      'package-lock.json',
      'cli/package.json',
      'packages/uid2/src/tokens/standing-gcm.ts',
      'node_modules/undici/index.js',
    ];
    expect(sources).toEqual(expect.arrayContaining(expected.map((file) => join(REPOSITORY, file))));
    expect(sources.filter((file) => /\/(?:services\/core|local)\//.test(file))).toEqual([]);
  });

  it('gives the same bytes wherever the repository stands', { timeout: 60_000 }, async () => {
    await using folder = await temporaryFolder();
    const { files, sources } = await operator;
    for (const file of new Set(sources.flatMap((source) => [source, ...manifestsAbove(source)]))) {
      const copy = join(folder.path, relative(REPOSITORY, file));
      await mkdir(dirname(copy), { recursive: true });
      await copyFile(file, copy);
    }
    await mkdir(join(folder.path, 'node_modules/@holdfast'));
    for (const name of await readdir(join(REPOSITORY, 'node_modules/@holdfast'))) {
      const link = join('node_modules/@holdfast', name);
      await symlink(await readlink(join(REPOSITORY, link)), join(folder.path, link));
    }
    const again = await bundleProgram(folder.path, ['services/operator']);
    expect(again.files.map(({ path }) => path)).toEqual(files.map(({ path }) => path));
    for (const [index, { source }] of again.files.entries()) {
      expect(fromUtf8(source)).toBe(fromUtf8(files[index]!.source));
    }
  });

  it('makes a program whose only command is serve, with the services of the image', async () => {
    await using folder = await temporaryFolder();
    const program = await unpack(folder.path, await operator);
    const manifest = JSON.parse(await readFile(join(REPOSITORY, 'cli/package.json'), 'utf8')) as { version: string };
    expect(await ended(program, '--version')).toEqual({ code: 0, said: `${manifest.version}\n` });
    expect((await ended(program, '--help')).said).toContain('serve');
    expect(await ended(program, 'up')).toMatchObject({ code: 64, said: expect.stringContaining('no command "up"') });
    expect(await ended(program, 'serve', 'operator')).toMatchObject({
      code: 78,
      said: expect.stringContaining('"code":"CONFIG_INVALID"'),
    });
    expect(await ended(program, 'serve', 'core')).toMatchObject({
      code: 64,
      said: 'holdfast: this program holds no service core. Run it in its own image; in a clone of the repository, run npm ci first. [SERVICE_NOT_IN_IMAGE]\n',
    });
  });

  it.each([
    ['samples/vote', '/app/samples/vote/web/default.css'],
    ['samples/encrypted-kafka', '/app/samples/encrypted-kafka/web/live.js'],
    ['samples/encrypted-kafka', '/app/node_modules/@platformatic/wasm-utils/dist/native.wasm'],
    ['services/secrets-store', '/app/services/secrets-store/package.json'],
  ])('takes with %s the files that it reads by its own place', async (service, path) => {
    const { files } = await bundleProgram(REPOSITORY, [service]);
    const held = files.find((file) => file.path === path);
    expect(held && Buffer.from(held.source)).toEqual(await readFile(join(REPOSITORY, path.slice('/app/'.length))));
  });

  it.each(['skr', 'webhook', 'pod-identity', 'secrets-store', 'trustee', 'core', 'optout', 'attestation'])(
    'makes a program of services/%s that starts on its own',
    async (service) => {
      await using folder = await temporaryFolder();
      const program = await unpack(folder.path, await bundleProgram(REPOSITORY, [`services/${service}`]));
      const { said } = await ended(program, 'serve', service, '--config', join(folder.path, 'absent.json'));
      expect(said).toMatch(/"code":"(?:TRUSTEE_)?CONFIG_UNREADABLE"/);
    },
  );
});
