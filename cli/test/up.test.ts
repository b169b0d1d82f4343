import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePortBase, temporaryFolder } from '@holdfast/local/testing';
import { describe, expect, it } from 'vitest';

import { capture } from './captured-io.ts';

describe('holdfast up', () => {
  it('keeps the parts up until Ctrl-C, and writes the ready file only as long as they are', async () => {
    await using folder = await temporaryFolder();
    const ready = join(folder.path, 'ready.json');
    const base = await freePortBase(11);
    const args = ['up', '--home', 'home', '--port-base', String(base), '--salts', '5', '--ready-file', 'ready.json'];
    let interrupt: () => void = () => undefined;
    let readyText = '';
    let readyMode = 0;
    const { exitCode, stdout, stderr } = await capture([...args, '--only', 'azure,core'], {
      cwd: folder.path,
      onInterruptible: (stop) => {
        interrupt = stop;
      },
      onOutput: (_stdout, talk) => {
        if (!talk.includes('Ctrl-C stops everything') || readyText !== '') return;
        readyText = 'reading';
        void Promise.all([readFile(ready, 'utf8'), stat(ready)]).then(([text, { mode }]) => {
          readyText = text;
          readyMode = mode & 0o777;
          interrupt();
        }, interrupt);
      },
    });
    expect(exitCode).toBe(0);
    expect(JSON.parse(readyText)).toMatchObject({ version: 1, core: { url: `http://127.0.0.1:${base + 2}` } });
    if (process.platform !== 'win32') expect(readyMode.toString(8)).toBe('600');
    await expect(stat(ready)).rejects.toThrow('ENOENT');
    expect(stdout).toContain(`  core           http://127.0.0.1:${base + 2}\n`);
    expect(stdout).toMatch(/ {2}API key {8}UID2-C-I-3-/);
    expect(stderr).toMatch(/✔ world +5 salts, made anew {2}\d+\.\d s\n/);
    expect(stderr).toMatch(/everything is stopped \(\d+\.\d s\)\n$/);
    expect(stderr).not.toContain('\u001b');
  });

  it('refuses a part that does not exist before anything is made', async () => {
    await using folder = await temporaryFolder();
    const args = ['up', '--check', '--home', 'home', '--only', 'core,moon'];
    const { exitCode, stdout, stderr } = await capture(args, { cwd: folder.path });
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
    await expect(stat(join(folder.path, 'home'))).rejects.toThrow('ENOENT');
    expect(stderr).toMatchInlineSnapshot(`
      "holdfast: there is no part "moon" of the local cloud. Name parts out of azure, attestation, core, optout, operator, joined with commas. [LOCAL_CLOUD_PART_UNKNOWN]
      "
    `);
  });

  it('tells a failure in one sentence and ends with 1', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'thesis.txt'), '');
    const { exitCode, stdout, stderr } = await capture(['up', '--home', '.'], { cwd: folder.path });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^holdfast: \S+ holds other files \(thesis\.txt\)[^\n]+ \[HOME_FOREIGN\]\n$/);
  });

  it('says so in JSON when that was asked for', async () => {
    await using folder = await temporaryFolder();
    const args = ['up', '--json', '--port-base', '70000'];
    const { exitCode, stdout, stderr } = await capture(args, { cwd: folder.path });
    expect({ exitCode, stderr }).toEqual({ exitCode: 64, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'PORT_BASE_INVALID' } });
  });
});
