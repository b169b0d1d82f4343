import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  AZURITE_ACCOUNT,
  AZURITE_KEY,
  azuriteContainer,
  azuriteUrl,
  startFakeBlobService,
} from '@holdfast/storage/testing';
import type { FakeBlobService } from '@holdfast/storage/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { LOCK_NAME } from '../../src/admin/bucket.ts';
import type { Bucket } from '../../src/admin/bucket.ts';
import { openBucket } from '../../src/admin/open-bucket.ts';
import { whileLocked } from '../../src/admin/world-lock.ts';
import { capture } from '../captured-io.ts';
import type { CapturedRun } from '../captured-io.ts';
import { DAY_MS, seed } from './seeded-bucket.ts';

/** An empty container. */
interface Place {
  readonly url: string;
  readonly accountKey: string;
  close(): Promise<void>;
}

const IMPATIENT = { attempts: 2, pauseMs: 1 };

let place: Place;
let service: FakeBlobService;

async function fakePlace(): Promise<Place> {
  service = await startFakeBlobService();
  const accountKey = randomBytes(32).toString('base64');
  return { url: `${service.accountUrl}/bucket`, accountKey, close: () => service.close() };
}

async function azuritePlace(): Promise<Place> {
  const azurite = await azuriteContainer();
  return {
    url: `${azuriteUrl}/${azurite.container}`,
    accountKey: AZURITE_KEY,
    close: () => azurite.remove(),
  };
}

function env(): Record<string, string> {
  return { storage_account_key: place.accountKey };
}

/** The container, as one command sees it. */
function open(world = place.url): Bucket {
  return openBucket({ world, json: false }, { cwd: '/nowhere', env: env() });
}

function run(...args: readonly string[]): Promise<CapturedRun> {
  return capture(['uid2', ...args, '--world', place.url], { stdin: '', env: env() });
}

async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run(...args, '--json');
  return JSON.parse(stdout) as Record<string, unknown>;
}

function describeWorld(name: string, openPlace: () => Promise<Place>, enabled = true): void {
  describe.skipIf(!enabled)(`a world in ${name}`, () => {
    let today: number;
    beforeEach(async () => {
      place = await openPlace();
      today = await seed(open());
    });
    afterEach(() => place.close());

    it('is administered by the same commands as one in a folder', async () => {
      const created = await run('site', 'create', 'Limpet DSP', '--types', 'dsp');
      expect([created.exitCode, created.stdout]).toEqual([0, 'site 4 created: Limpet DSP\n']);
      const { versions } = (await json('client', 'create', 'bidder', '--site', '4', '--roles', 'id-reader')) as {
        versions: Record<string, number>;
      };
      expect(await json('client', 'list', '--site', '4')).toMatchObject({ clients: [{ name: 'bidder', siteId: 4 }] });
      const metadata = JSON.parse(
        Buffer.from(await open().objects.read('clients/metadata.json')).toString(),
      ) as unknown;
      expect(metadata).toMatchObject({
        version: versions['clients'],
        client_keys: { location: `clients/clients.${versions['clients']}.json` },
      });
      expect(await run('client', 'disable', 'bidder')).toMatchObject({ exitCode: 1 });
      expect(await run('client', 'disable', 'bidder', '--yes')).toMatchObject({ exitCode: 0 });
    });

    it('gets its next salts', async () => {
      const { salts } = (await json('salt', 'rotate', '--fraction', '10%')) as { salts: { rotated: number } };
      expect(salts).toMatchObject({ rotated: 20, effective: today + DAY_MS });
      expect(await json('salt', 'status')).toMatchObject({
        salts: { snapshots: [{ effective: today - DAY_MS }, { effective: today + DAY_MS }] },
      });
    });

    it('is copied into an empty container, and replaced', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-blob-world-'));
      const file = join(folder, 'world.json');
      const source = place;
      try {
        expect(await run('export', file)).toMatchObject({ exitCode: 0 });
        place = await openPlace();
        const imported = await run('import', file);
        expect([imported.exitCode, imported.stdout]).toEqual([0, expect.stringContaining(`into ${place.url}`)]);
        expect(await json('site', 'list')).toMatchObject({ sites: [{ id: 3, name: 'Kelp Media' }] });
        expect(await run('import', file, '--yes')).toMatchObject({ exitCode: 0 });
      } finally {
        await source.close();
        await rm(folder, { recursive: true });
      }
    });

    it('is changed by one administrator at a time; nobody’s change is lost', async () => {
      const names = ['one', 'two', 'three'];
      const runs = await Promise.all(names.map((site) => run('site', 'create', site)));
      expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
      const { sites } = (await json('site', 'list')) as { sites: { id: number; name: string }[] };
      expect(sites.map(({ id }) => id)).toEqual([3, 4, 5, 6]);
      expect(sites.slice(1).map((site) => site.name)).toEqual(expect.arrayContaining(names));
    });

    it('tells who is changing it, and how to break a lock that hangs', async () => {
      await whileLocked(open(), async () => {
        const other = whileLocked(open(), () => Promise.resolve(), IMPATIENT);
        await expect(other).rejects.toMatchObject({
          code: 'WORLD_LOCKED',
          message: expect.stringMatching(
            new RegExp(`^another administrator \\(.+@.+, process ${process.pid}, since .+Z\\) is changing http`),
          ),
          action: expect.stringContaining(`az storage blob lease break --account-name`),
          details: { world: place.url },
        });
      });
      await whileLocked(open(), () => Promise.resolve(), IMPATIENT);
    });

    it('is not written by one whose lock has ended', async () => {
      const bucket = open();
      const start = performance.now();
      const clock = vi.spyOn(performance, 'now').mockReturnValue(start);
      try {
        const change = whileLocked(bucket, async () => {
          await bucket.objects.write('sites/a', 'a');
          clock.mockReturnValue(start + 61_000);
          await bucket.objects.write('sites/b', 'b');
        });
        await expect(change).rejects.toMatchObject({ code: 'STORAGE_LOCK_LOST' });
      } finally {
        clock.mockRestore();
      }
      expect((await bucket.objects.list('sites/')).map(({ path }) => path)).not.toContain('sites/b');
    });
  });
}

describeWorld('a blob container, the service played by a fake', fakePlace);
describeWorld(
  `a blob container of the Azurite emulator, account ${AZURITE_ACCOUNT} (npm run test:azurite)`,
  azuritePlace,
  azuriteUrl !== undefined,
);

describe('a world in a blob container', () => {
  beforeEach(async () => {
    place = await fakePlace();
    await seed(open());
  });
  afterEach(() => place.close());

  const since = (start: number): readonly string[] =>
    service.requests.slice(start).filter((request) => !request.startsWith('GET'));

  it('is read without a lock, so that a reader needs no right to write', async () => {
    const start = service.requests.length;
    expect(await run('site', 'list')).toMatchObject({ exitCode: 0 });
    expect(await run('salt', 'status')).toMatchObject({ exitCode: 0 });
    expect(since(start).filter((request) => !request.startsWith('HEAD'))).toEqual([]);
  });

  it('gets contents before the metadata that name them, between taking the lease and giving it back', async () => {
    await run('site', 'create', 'Limpet');
    const start = service.requests.length;
    expect(await run('client', 'create', 'sharer', '--site', '4', '--roles', 'SHARER')).toMatchObject({ exitCode: 0 });
    const steps = since(start).map((request) => request.replace(/^(?:PUT|DELETE) \/account\/bucket\//, ''));
    expect([steps[0], steps.at(-1)]).toEqual([`${LOCK_NAME}?lease=acquire`, `${LOCK_NAME}?lease=release`]);
    const writes = steps.filter((step) => !step.startsWith(LOCK_NAME));
    expect(writes.map((path) => path.endsWith('metadata.json'))).toEqual([false, false, false, true, true, true]);
  });

  it('is refused, by the account’s name for it, when the administrator may not write', async () => {
    service.failWith = { status: 403, code: 'AuthorizationPermissionMismatch' };
    const { exitCode, stderr, stdout } = await run('site', 'create', 'x');
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain('Storage Blob Data Contributor');
    expect(stderr).not.toContain(place.accountKey);
  });
});

describe('the address of a world', () => {
  const refused = async (world: string): Promise<CapturedRun> =>
    capture(['uid2', 'site', 'list', '--world', world, '--json'], { stdin: '' });

  it.each([
    'https://account.blob.core.windows.net/',
    'https://account.blob.core.windows.net/bucket?sv=2024&sig=canary',
    'https://user:canary@account.blob.core.windows.net/bucket',
    'https://account.blob.core.windows.net/Bucket',
    's3://bucket',
    'https://',
  ])('is refused where it is no container’s: %s', async (world) => {
    const { exitCode, stdout, stderr } = await refused(world);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([1, { error: { code: 'WORLD_ADDRESS_INVALID' } }]);
    expect(stdout + stderr).not.toContain('canary');
  });

  it('tells the account of an emulator from the container', () => {
    const { name } = openBucket(
      { world: 'http://127.0.0.1:10000/devstoreaccount1/bucket/', json: false },
      { cwd: '/', env: { storage_account_key: 'a2V5' } },
    );
    expect(name).toBe('http://127.0.0.1:10000/devstoreaccount1/bucket');
  });

  it('comes with settings that are checked', async () => {
    const { exitCode, stdout } = await capture(
      ['uid2', 'site', 'list', '--world', 'https://account.blob.core.windows.net/bucket', '--json'],
      { stdin: '', env: { storage_timeout_ms: 'soon' } },
    );
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([78, { error: { code: 'CONFIG_INVALID' } }]);
  });
});
