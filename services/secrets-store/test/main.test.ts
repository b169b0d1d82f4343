import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLogger } from '@holdfast/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startSecretsStore } from '../src/index.ts';

describe('the service behind the driver', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hf-'));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  it('opens its socket and its probes, and leaves no socket behind when it stops', async () => {
    const socket = join(folder, 'azure.sock');
    const running = await startSecretsStore({
      env: { socket, host: '127.0.0.1', health_port: '0', metrics_port: '0' },
      configFile: undefined,
      logger: createLogger({ name: 'test', level: 'silent' }),
      fail: () => undefined,
    });
    expect((await stat(socket)).isSocket()).toBe(true);
    const health = await fetch(`${running.addresses['health']}/healthz`);
    expect([health.status, await health.text()]).toEqual([200, 'ok']);
    expect(await (await fetch(`${running.addresses['metrics']}/metrics`)).text()).toContain(
      'secrets_store_mounts_total',
    );
    await running.stop();
    await expect(stat(socket)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
