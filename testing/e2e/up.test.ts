import { statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  CLOUD_PORTS,
  failedUp,
  freePortBase,
  HoldfastProcess,
  isRunning,
  openCloudPorts,
  processesOf,
  runHoldfast,
  waitFor,
} from '../src/index.ts';
import { copySeededHome, editFile } from './home-copy.ts';

describe('holdfast up', () => {
  it('--check brings up two clouds at once, verifies both, and leaves no listening port', async () => {
    const bases = [await freePortBase(CLOUD_PORTS), await freePortBase(CLOUD_PORTS)];
    const results = await Promise.all(
      bases.map((base) =>
        runHoldfast(['up', '--check', '--json', '--home', copySeededHome(), '--port-base', String(base)]),
      ),
    );
    for (const [index, result] of results.entries()) {
      expect([result.code, result.stderr]).toEqual([0, expect.any(String)]);
      expect(JSON.parse(result.stdout)).toMatchObject({
        ready: { enclaveId: expect.stringMatching(/^[0-9a-f]{64}$/) },
      });
      expect(await openCloudPorts(bases[index] ?? 0)).toEqual([]);
    }
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it with 0 and leaves no process and no listening port',
    async (signal) => {
      const portBase = await freePortBase(CLOUD_PORTS);
      const up = new HoldfastProcess({ home: copySeededHome(), portBase });
      const ready = await up.ready();
      const pids = await processesOf(ready);
      expect(pids.length).toBeGreaterThanOrEqual(5);
      expect(pids.every(isRunning)).toBe(true);
      up.signal(signal);
      expect(await up.exit()).toBe(0);
      expect(pids.filter(isRunning)).toEqual([]);
      expect(await openCloudPorts(portBase)).toEqual([]);
    },
  );

  it('a kill -9 of it ends every process it started', async () => {
    const portBase = await freePortBase(CLOUD_PORTS);
    const up = new HoldfastProcess({ home: copySeededHome(), portBase });
    const pids = await processesOf(await up.ready());
    up.signal('SIGKILL');
    await up.exit();
    await waitFor(
      () => !pids.some(isRunning),
      90_000,
      () => `still running: ${pids.filter(isRunning).join(', ')}`,
    );
    expect(await openCloudPorts(portBase)).toEqual([]);
  });

  it('writes files with secrets for their owner only', async () => {
    const home = copySeededHome();
    for (const file of [
      'credentials.json',
      'azure/vault.json',
      'snp/platform.json',
      'keys/jwt-signing-key.pem',
      'keys/attestation-token.json',
    ]) {
      expect([file, statSync(join(home, file)).mode & 0o077]).toEqual([file, 0]);
    }
  });
});

describe('holdfast up that cannot start says one sentence, exits with 1, and leaves nothing running', () => {
  it('when a port is in use', async () => {
    const portBase = await freePortBase(CLOUD_PORTS);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(portBase + 2, '127.0.0.1', resolve));
    try {
      const { code, error } = await failedUp({ home: copySeededHome(), portBase });
      expect([code, error.code, error.message]).toEqual([
        1,
        'PORT_IN_USE',
        expect.stringContaining(String(portBase + 2)),
      ]);
    } finally {
      server.close();
    }
    expect(await openCloudPorts(portBase)).toEqual([]);
  });

  it('when the home folder cannot be used', async () => {
    const file = join(copySeededHome(), 'a-file');
    writeFileSync(file, '');
    const { code, error } = await failedUp({ home: file });
    expect([code, error.code, error.message]).toEqual([1, 'HOME_UNUSABLE', expect.stringContaining(file)]);
  });

  it.each(['clients/clients.json', 'keyset_keys/keyset_keys.json', 'salts/metadata.json'])(
    'when the seed file %s is corrupt',
    async (path) => {
      const home = copySeededHome();
      editFile(home, `world/core/${path}`, (text) => text.slice(0, -20));
      const { code, error } = await failedUp({ home });
      expect([code, error.code]).toEqual([1, 'WORLD_CORRUPT']);
    },
  );

  it('when another one uses the same home folder', async () => {
    const home = copySeededHome();
    await using up = new HoldfastProcess({
      home,
      portBase: await freePortBase(CLOUD_PORTS),
      args: ['--only', 'azure'],
    });
    await up.ready();
    const { code, error } = await failedUp({ home });
    expect([code, error.code, error.message]).toEqual([1, 'HOME_IN_USE', expect.stringContaining(String(up.pid))]);
  });
});
