import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { StatePort } from '@holdfast/deployment';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createFileState } from '../../src/deployment/file-state.ts';

let folder: string;
let state: StatePort;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  state = createFileState(join(folder, 'state'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('createFileState', () => {
  it('keeps files that only their owner can read', async () => {
    await state.write('journals/a.jsonl', 'one');
    await state.append('journals/b.jsonl', 'line');
    expect(await state.read('journals/a.jsonl')).toBe('one');
    for (const name of ['a.jsonl', 'b.jsonl']) {
      const { mode } = await stat(join(folder, 'state', 'journals', name));
      if (process.platform !== 'win32') expect(mode & 0o777).toBe(0o600);
    }
  });

  it('appends lines, and ends one first that a crash has cut', async () => {
    await state.append('j', 'one');
    await state.append('j', 'two');
    expect(await state.read('j')).toBe('one\ntwo\n');
    await writeFile(join(folder, 'state', 'j'), 'one\n{"cut');
    await state.append('j', 'three');
    expect(await readFile(join(folder, 'state', 'j'), 'utf8')).toBe('one\n{"cut\nthree\n');
  });

  it('lists names as they are read, in order, without those that are being written', async () => {
    await state.write('r/b.json', '');
    await state.write('r/a.json', '');
    await writeFile(join(folder, 'state', 'r', 'c.json.1.ab.tmp'), '');
    expect(await state.list('r')).toEqual(['r/a.json', 'r/b.json']);
    expect(await state.list('nothing')).toEqual([]);
  });

  it('removes what is there and does not mind what is not', async () => {
    await state.write('x', '');
    await state.remove('x');
    await state.remove('x');
    expect(await state.read('x')).toBeUndefined();
  });

  it.each(['', '/etc/passwd', '../x', 'a/../x', '.hidden', 'a//b', 'a\\b', 'a/'])(
    'refuses the name %j',
    async (name) => {
      await expect(state.write(name, 'x')).rejects.toMatchObject({ code: 'STATE_NAME_INVALID' });
    },
  );
});
