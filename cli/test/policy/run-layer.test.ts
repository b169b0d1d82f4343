import { Buffer } from 'node:buffer';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { CliContext } from '../../src/context.ts';
import { runLayer } from '../../src/policy/run-layer.ts';

const EMPTY_EXT4 = '8b4842f06982817534a75bcf71865213b09dfa8313229c384e5201dadbd75e25';
const EMPTY_TARFS = '8568c70c0ccfe0051092e818da769111a59882cd19dd799d3bca5ffa82791080';
const EMPTY_DIFF_ID = 'sha256:84ff92691f909a05b224e1c56abb4864f01b4f8e3c854e4bb4c7baf1d3f6d652';
const layer = Buffer.alloc(10_240);

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-layer-'));
  await writeFile(join(folder, 'layer.tar'), layer);
  await writeFile(join(folder, 'layer.tar.gz'), gzipSync(layer));
  await writeFile(join(folder, 'layer.tar.zst'), zstdCompressSync(layer));
  await writeFile(join(folder, 'cut.tar.gz'), gzipSync(layer).subarray(0, 20));
  await writeFile(join(folder, 'text'), 'no archive at all\n'.repeat(100));
  await writeFile(join(folder, 'large.tar'), Buffer.alloc(9 * 1024 * 1024));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs the command in this process, in the folder of the layers, and answers what it wrote to standard output. */
async function run(path: string, flags: Parameters<typeof runLayer>[1] = { json: false }): Promise<string> {
  let output = '';
  const stream = (write: (text: string) => void) => ({ isTerminal: false, write });
  const io = {
    stdout: stream((text) => {
      output += text;
    }),
    stderr: stream(() => undefined),
    env: {},
    cwd: folder,
    onStopRequest: () => () => undefined,
  };
  await runLayer({ io } as unknown as CliContext, flags, path);
  return output;
}

describe('holdfast policy layer', () => {
  it('prints the root hash of the ext4 image, and nothing else', async () => {
    expect(await run('layer.tar')).toBe(`${EMPTY_EXT4}\n`);
  });

  it('prints the root hash of the tarfs image when asked for', async () => {
    expect(await run('layer.tar', { json: false, format: 'tarfs' })).toBe(`${EMPTY_TARFS}\n`);
  });

  it.each(['layer.tar.gz', 'layer.tar.zst'])('hashes what is inside of %s', async (file) => {
    expect(await run(file)).toBe(`${EMPTY_EXT4}\n`);
  });

  it('gives the same hash with threads, which it uses for large layers', async () => {
    expect(await run('large.tar')).toBe(`${EMPTY_EXT4}\n`);
  });

  it('tells as JSON what else is known', async () => {
    expect(JSON.parse(await run('layer.tar.gz', { json: true }))).toEqual({
      version: 1,
      file: 'layer.tar.gz',
      format: 'ext4',
      compression: 'gzip',
      rootHash: EMPTY_EXT4,
      imageBytes: 57_344,
      diffId: EMPTY_DIFF_ID,
      tarBytes: 10_240,
    });
  });

  it.each([
    ['missing.tar', 'POLICY_LAYER_UNREADABLE'],
    ['.', 'POLICY_LAYER_UNREADABLE'],
    ['text', 'LAYER_TAR_MALFORMED'],
    ['cut.tar.gz', 'LAYER_COMPRESSION_INVALID'],
  ])('refuses %s with one clear error that names it', async (file, code) => {
    await expect(run(file)).rejects.toMatchObject({ code, message: expect.stringContaining(file) as unknown });
  });
});
