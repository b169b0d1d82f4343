import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';

import { fromUtf8 } from '@holdfast/base';
import type { LayerEntry } from '@holdfast/oci';
import { describe, expect, it } from 'vitest';

import { REPOSITORY } from '../../src/images/image-folders.ts';
import { plainContent } from '../../src/images/plain-javascript.ts';
import { collectProgramFiles, programEntry } from '../../src/images/program-files.ts';
import type { ProgramFile } from '../../src/images/program-files.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const run = promisify(execFile);
const SERVICES = ['operator', 'skr', 'webhook', 'pod-identity', 'secrets-store'].map((name) => `services/${name}`);
const SAMPLES = ['samples/vote', 'samples/encrypted-kafka'];
const COMMAND_LINE = { workspace: 'cli', dependencies: ['@stricli/core', '@holdfast/base', '@holdfast/process'] };
/** A source that another one names relative to itself: those that had types, by their old or new name. */
const NAMED_SOURCE = /\b(?:(?:from|import)\s*\(?\s*'(?=\.)|new URL\(\s*')([^'\n]+\.(?:js|ts))'/g;

function programOf(workspaces: readonly string[]): readonly ProgramFile[] {
  return collectProgramFiles(REPOSITORY, { workspaces, commandLine: COMMAND_LINE }).program;
}

function contentOf(entry: LayerEntry): string {
  if (entry.kind !== 'file' || typeof entry.source === 'string') return '';
  return fromUtf8(entry.source);
}

/** Writes files of an image to a folder. */
async function unpack(folder: string, files: readonly ProgramFile[]): Promise<void> {
  for (const entry of files.map(programEntry)) {
    const path = join(folder, entry.path);
    await mkdir(dirname(path), { recursive: true });
    if (entry.kind === 'symlink') await symlink(entry.target, path);
    else if (entry.kind === 'file') await writeFile(path, await bytesOf(entry.source));
  }
}

async function bytesOf(source: string | Uint8Array): Promise<Uint8Array> {
  return typeof source === 'string' ? readFile(source) : source;
}

describe('collectProgramFiles', () => {
  const entries = programOf([...SERVICES, ...SAMPLES]).map(programEntry);
  const paths = new Set(entries.map(({ path }) => path));

  it('gives an image plain JavaScript and no source with types', () => {
    expect(entries.length).toBeGreaterThan(500);
    expect([...paths].filter((path) => path.endsWith('.ts'))).toEqual([]);
    expect([...paths]).toContain('/app/services/operator/src/main.js');
  });

  it('has every file that another one names', () => {
    const named = entries.flatMap((entry) =>
      [...contentOf(entry).matchAll(NAMED_SOURCE)].map(([, name = '']) => posix.join(posix.dirname(entry.path), name)),
    );
    expect(named.length).toBeGreaterThan(1000);
    expect(named.filter((path) => !paths.has(path))).toEqual([]);
  });

  it('has what the manifests of its packages export', () => {
    const manifest = entries.find(({ path }) => path === '/app/packages/uid2/package.json');
    const { exports } = JSON.parse(contentOf(manifest ?? entries[0]!)) as { readonly exports: Record<string, string> };
    const files = Object.values(exports).map((file) => posix.join('/app/packages/uid2', file));
    expect(files.length).toBeGreaterThan(2);
    expect(files.filter((path) => !paths.has(path))).toEqual([]);
  });

  it('leaves packages of others as they are', () => {
    const { dependencies } = collectProgramFiles(REPOSITORY, { workspaces: SERVICES, commandLine: COMMAND_LINE });
    expect(dependencies.map(programEntry).filter(({ kind }) => kind !== 'file')).toEqual([]);
    expect(dependencies.filter((file) => 'isPlain' in file)).toEqual([]);
  });
});

describe('plainContent', () => {
  it('keeps every line and column where it is, in all sources', async () => {
    const lengths = (text: string): readonly number[] => text.split('\n').map((line) => line.length);
    const moved: string[] = [];
    for (const file of programOf([...SERVICES, ...SAMPLES])) {
      if ('linkTarget' in file || !file.source.endsWith('.ts')) continue;
      const plain = lengths(fromUtf8(plainContent(file.source)));
      if (!isDeepStrictEqual(plain, lengths(await readFile(file.source, 'utf8')))) moved.push(file.path);
    }
    expect(moved).toEqual([]);
  });

  it('gives the same bytes each time', () => {
    const file = join(REPOSITORY, 'services/operator/src/main.ts');
    expect(plainContent(file)).toEqual(plainContent(file));
  });
});

/**
 * Starts a thread by the operator's own code and lets a source of the program throw. The first record's hash is that of a sentinel,
 * so that the thread shows its work.
 */
const SCRIPT = `
import { randomFillSync } from 'node:crypto';
import { fromHex } from './app/packages/base/src/index.js';
import { readOptOutFile } from './app/services/operator/src/file-threads/opt-out-reading.js';
const file = randomFillSync(new Uint8Array(new SharedArrayBuffer(72 * 100_001)));
file.fill(0, 0, 32);
const { byRawUid } = await readOptOutFile(file);
let stack = '';
try {
  fromHex('x');
} catch (error) {
  stack = error.stack;
}
const strippers = process.moduleLoadList.filter((name) => name.includes('amaro'));
console.log(JSON.stringify({ records: byRawUid.length, stack, strippers }));
`;

describe('a program of an image', () => {
  it('runs with its threads, loads nothing that takes types out, and tells the lines of the sources', async () => {
    await using folder = await temporaryFolder();
    await unpack(folder.path, programOf(['services/operator']));
    await writeFile(join(folder.path, 'script.mjs'), SCRIPT);
    const { stdout, stderr } = await run(process.execPath, [join(folder.path, 'script.mjs')]);
    expect(stderr).toBe('');
    const told = JSON.parse(stdout) as { records: number; stack: string; strippers: readonly string[] };
    expect(told.records).toBe(100_000);
    expect(told.strippers).toEqual([]);
    const [, line = '', column = ''] = /\/packages\/base\/src\/encoding\.js:(\d+):(\d+)/.exec(told.stack) ?? [];
    const source = await readFile(join(REPOSITORY, 'packages/base/src/encoding.ts'), 'utf8');
    expect(source.split('\n')[Number(line) - 1]?.slice(Number(column) - 1)).toMatch(/^new MalformedError/);
  });
});
