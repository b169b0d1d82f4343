import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { connectAzure } from '../../src/deployment/connect-azure.ts';
import { connectLocal } from '../../src/deployment/local-target.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'holdfast-home-'));
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

async function writeCloud(changes: Record<string, unknown> = {}): Promise<void> {
  const url = 'https://127.0.0.1:1';
  const cloud = {
    version: 1,
    pid: process.pid,
    armUrl: url,
    authorityUrl: url,
    vaultUrl: url,
    kubernetesUrl: url,
    attestationUrl: url,
    caFile: join(home, 'ca.pem'),
    tenantId: 't',
    subscriptionId: 's',
    clientId: 'c',
    clientSecretFile: join(home, 'secret'),
    ...changes,
  };
  await Promise.all([
    writeFile(join(home, 'cloud.json'), JSON.stringify(cloud)),
    writeFile(join(home, 'ca.pem'), 'pem'),
    writeFile(join(home, 'secret'), 'canary\n'),
  ]);
}

describe('connectLocal', () => {
  it('opens the cloud that the file describes, without showing its secret', async () => {
    await writeCloud();
    const target = await connectLocal(home);
    expect(target).toMatchObject({ kind: 'local', subscriptionId: 's', tenantId: 't' });
    expect(JSON.stringify(target)).not.toContain('canary');
    await target.close();
  });

  it('says what to do when no cloud runs, or the one of the file has ended', async () => {
    const absent = { code: 'LOCAL_CLOUD_ABSENT', action: expect.stringContaining('holdfast up') as string };
    await expect(connectLocal(home)).rejects.toMatchObject(absent);
    await writeCloud({ pid: 2 ** 30 });
    await expect(connectLocal(home)).rejects.toMatchObject(absent);
  });

  it.each([
    ['another version', { version: 2 }],
    ['a member that is missing', { armUrl: undefined }],
    ['an address without TLS', { vaultUrl: 'http://127.0.0.1:1' }],
    ['no process id', { pid: -1 }],
    ['a file that is not there', { caFile: '/nowhere/ca.pem' }],
  ])('refuses a file with %s', async (_, changes) => {
    await writeCloud(changes);
    await expect(connectLocal(home)).rejects.toMatchObject({ code: 'LOCAL_CLOUD_UNREADABLE' });
  });
});

describe('connectAzure', () => {
  it('asks nobody before its first call', async () => {
    const target = connectAzure({ env: {} }, { subscriptionId: 's' });
    expect(target).toMatchObject({ kind: 'azure', subscriptionId: 's', tenantId: undefined });
    await target.close();
  });
});
