import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { lastLogWords, readLogTail } from '../../src/process/log-file.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

async function words(log: string): Promise<unknown> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'log');
  await writeFile(file, log);
  return await lastLogWords(file); // before the folder is gone
}

describe('lastLogWords', () => {
  it('prefers the last complaint to later information', async () => {
    const log = [
      '{"level":"error","msg":"first"}',
      '{"level":"fatal","msg":"Core refused","code":"ATTESTATION_REFUSED","action":"Register the enclave id."}',
      '{"level":"info","msg":"stopped"}',
      '',
    ];
    expect(await words(log.join('\n'))).toMatchObject({
      sentence: 'Core refused [ATTESTATION_REFUSED]',
      action: 'Register the enclave id.',
    });
  });

  it('shows the last line of a log without complaints, JSON or not', async () => {
    expect(await words('{"level":"info","msg":"a"}\n{"level":"info","msg":"b"}\n')).toMatchObject({ sentence: 'b' });
    expect(await words('Segmentation fault\n')).toMatchObject({ sentence: 'Segmentation fault', action: undefined });
    expect(await words('{"level":"info","ms')).toMatchObject({ sentence: '{"level":"info","ms' });
  });

  it('has nothing to say about an empty or missing log', async () => {
    expect(await words('')).toBeUndefined();
    expect(await lastLogWords('/nowhere/at/all')).toBeUndefined();
  });
});

describe('readLogTail', () => {
  it('begins at the start of a line when the file is longer than asked for', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'log');
    await writeFile(file, 'first line\nsecond line\nthird line\n');
    expect(await readLogTail(file, 15)).toBe('third line\n');
    expect(await readLogTail(file, 1000)).toBe('first line\nsecond line\nthird line\n');
  });
});
