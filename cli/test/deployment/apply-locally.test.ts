import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';

import { expect, it } from 'vitest';

import { capture } from '../captured-io.ts';

it('holdfast apply --target local starts no cloud for a configuration that cannot be read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-apply-'));
  const home = join(folder, 'home');
  const { exitCode, stderr } = await capture(['apply', '-f', 'nothing.yaml', '--target', 'local', '--home', home], {
    cwd: folder,
  });
  expect({ exitCode, started: existsSync(home) }).toEqual({ exitCode: 64, started: false });
  expect(stderr).toContain('nothing.yaml cannot be read: there is no such file');
  await rm(folder, { recursive: true });
});
