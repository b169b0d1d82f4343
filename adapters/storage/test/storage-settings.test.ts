import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';
import { z } from 'zod';

import { oneBucket, openObjectStore, storageProblems, storageSettings } from '../src/index.ts';

const schema = z.object({ ...storageSettings, other: z.string().default('') });
const ACCOUNT = { storage_account_url: 'https://acct.blob.core.windows.net', storage_container: 'core-store' };
const OPTIONS = { linkBaseUrl: 'https://core.example', clock: () => 0 };

it('name exactly one bucket, and whatever that one needs', () => {
  const problems = (settings: object): string => storageProblems(schema.parse(settings)).join('\n');
  expect(problems(ACCOUNT)).toBe('');
  expect(problems({ storage_folder: '/bucket', link_signing_key_file: '/key' })).toBe('');
  expect(problems({})).toContain('storage_account_url');
  expect(problems({ ...ACCOUNT, storage_folder: '/bucket', link_signing_key_file: '/key' })).toContain('not both');
  expect(problems({ storage_folder: '/bucket' })).toContain('link_signing_key_file');
  expect(problems({ storage_account_url: ACCOUNT.storage_account_url })).toContain('storage_container');
  expect(() => openObjectStore(schema.parse({}), OPTIONS)).toThrow(
    expect.objectContaining({ code: 'STORAGE_SETTINGS_INVALID' }),
  );
});

it('complain beside everything else that is wrong with a configuration', () => {
  const checked = schema.refine(...oneBucket);
  expect(checked.safeParse({ storage_folder: '/bucket', link_signing_key_file: '/key' }).success).toBe(true);
  const { error } = checked.safeParse({ other: 1 });
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['other', 'storage_folder']);
  expect(error?.issues[1]?.message).toContain('storage_account_url');
});

it('open a folder whose links lead to the service', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-settings-'));
  await writeFile(join(folder, 'link.key'), 'c0'.repeat(32));
  const settings = schema.parse({
    storage_folder: join(folder, 'bucket'),
    link_signing_key_file: join(folder, 'link.key'),
  });
  const store = openObjectStore(settings, OPTIONS);
  expect(await store.presign('a', 1)).toMatch(/^https:\/\/core\.example\/objects\/a\?/);
  expect('verifyLink' in store).toBe(true);
  await rm(folder, { recursive: true, force: true });
});

it('open a container whose links lead to the account, named by its host or, for an emulator, by its path', async () => {
  const key = { storage_account_key: Buffer.alloc(32).toString('base64') };
  const store = openObjectStore(schema.parse({ ...ACCOUNT, ...key }), OPTIONS);
  expect(await store.presign('a', 1)).toMatch(/^https:\/\/acct\.blob\.core\.windows\.net\/core-store\/a\?/);
  expect('verifyLink' in store).toBe(false);
  const emulator = { ...ACCOUNT, ...key, storage_account_url: 'http://127.0.0.1:10000/devstoreaccount1' };
  const link = await openObjectStore(schema.parse(emulator), OPTIONS).presign('a', 1);
  expect(link).toMatch(/^http:\/\/127\.0\.0\.1:10000\/devstoreaccount1\/core-store\/a\?/);
});

it('never print the account key', () => {
  const settings = schema.parse({ ...ACCOUNT, storage_account_key: 'canary' });
  expect(JSON.stringify(settings)).not.toContain('canary');
});
