import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readConfig } from '../src/index.ts';

describe('readConfig', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  it('is a provider on the usual socket when nothing is said', () => {
    expect(readConfig({ env: {}, configFile: undefined })).toMatchObject({
      mode: 'provider',
      socket: '/var/run/secrets-store-csi-providers/azure.sock',
      health_port: 8989,
      metrics_port: 8898,
      nmi_url: 'http://localhost:2579',
      compatible: false,
    });
  });

  it('reads the authorities that it names', async () => {
    const file = join(folder, 'ca.pem');
    await writeFile(file, 'PEM');
    expect(readConfig({ env: { azure_ca_file: file }, configFile: undefined }).azureCa).toBe('PEM');
  });

  it('says all that is wrong at once', () => {
    const env = { mode: 'standalone', azure_ca_file: join(folder, 'missing.pem') };
    expect(() => readConfig({ env, configFile: undefined })).toThrow(/node_name: missing; azure_ca_file: .*ENOENT/);
  });
});
