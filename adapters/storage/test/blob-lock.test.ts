import { randomBytes } from 'node:crypto';

import { Secret } from '@holdfast/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { BLOB_LEASE_SECONDS, createBlobLock, createBlobStore } from '../src/index.ts';
import type { BlobLock, BlobLockAttempt, BlobLockOptions } from '../src/index.ts';
import { startFakeBlobService } from '../testing/index.ts';
import type { FakeBlobService } from '../testing/index.ts';
import { AZURITE_ACCOUNT, AZURITE_KEY, azuriteContainer, azuriteUrl } from '../testing/index.ts';

interface Place {
  readonly accountUrl: string;
  readonly container: string;
  readonly accountName: string;
  readonly accountKey: string;
}

let nowMs = Date.UTC(2026, 2, 1);
const clock = (): number => nowMs;

function credentialOf({ accountName, accountKey }: Place): BlobLockOptions['credential'] {
  return { kind: 'shared-key', accountName, accountKey: new Secret(accountKey) };
}

function lockAt(place: Place, holder: string, options: Partial<BlobLockOptions> = {}): BlobLock {
  const { accountUrl, container } = place;
  return createBlobLock({
    accountUrl,
    container,
    credential: credentialOf(place),
    path: 'the.lock',
    holder,
    clock,
    ...options,
  });
}

async function taken(lock: BlobLock): Promise<Extract<BlobLockAttempt, { taken: true }>> {
  const attempt = await lock.take();
  if (!attempt.taken) throw new Error('somebody else has it');
  return attempt;
}

function isLost(lock: BlobLock): boolean {
  try {
    lock.check();
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === 'STORAGE_LOCK_LOST';
  }
}

/** Real time, for what a socket does. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function describeLock(name: string, open: () => Promise<Place & { close(): Promise<void> }>, enabled = true): void {
  describe.skipIf(!enabled)(`a lock by a lease on ${name}`, () => {
    let place: Awaited<ReturnType<typeof open>>;
    beforeEach(async () => {
      place = await open();
    });
    afterEach(() => place.close());

    it('is one holder’s at a time, who is named to the others, and free again after them', async () => {
      const ours = lockAt(place, 'limpet on rock');
      const held = await taken(ours);
      expect(await lockAt(place, 'whelk').take()).toEqual({ taken: false, holder: 'limpet on rock' });
      ours.check();
      await held.release();
      const next = await taken(lockAt(place, 'whelk'));
      expect(await ours.take()).toEqual({ taken: false, holder: 'whelk' });
      await next.release();
    });

    it('is had by one of many who ask at once, also where its blob is not there yet', async () => {
      const attempts = await Promise.all(Array.from({ length: 8 }, (_, index) => lockAt(place, `n${index}`).take()));
      const holders = attempts.filter((attempt) => attempt.taken);
      expect(holders).toHaveLength(1);
      await holders[0]?.release();
    });

    it('can be broken from outside, and then the one who had it learns that at the next renewal', async () => {
      const ours = lockAt(place, 'limpet', { renewEveryMs: 5 });
      await taken(ours);
      const { BlobServiceClient, StorageSharedKeyCredential } = await import('@azure/storage-blob');
      const credential = new StorageSharedKeyCredential(place.accountName, place.accountKey);
      const container = new BlobServiceClient(place.accountUrl, credential).getContainerClient(place.container);
      await container.getBlobClient('the.lock').getBlobLeaseClient().breakLease(0);
      const next = await taken(lockAt(place, 'whelk'));
      await until(() => isLost(ours));
      await next.release();
    });

    it('protects its blob from those who write past it', async () => {
      const { accountUrl, container } = place;
      const store = createBlobStore({ accountUrl, container, credential: credentialOf(place), clock });
      const held = await taken(lockAt(place, 'limpet'));
      await expect(store.write('the.lock', 'mine')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
      await store.write('another', 'is free');
      await held.release();
    });
  });
}

let service: FakeBlobService;

async function fakePlace(): Promise<Place & { close(): Promise<void> }> {
  service = await startFakeBlobService();
  return {
    accountUrl: service.accountUrl,
    container: 'bucket',
    accountName: 'account',
    accountKey: randomBytes(32).toString('base64'),
    close: () => service.close(),
  };
}

describeLock('a blob, the service played by a fake', fakePlace);

describeLock(
  'a blob of the Azurite emulator (npm run test:azurite)',
  async () => {
    const azurite = await azuriteContainer();
    return {
      accountUrl: azuriteUrl ?? '',
      container: azurite.container,
      accountName: AZURITE_ACCOUNT,
      accountKey: AZURITE_KEY,
      close: () => azurite.remove(),
    };
  },
  azuriteUrl !== undefined,
);

describe('a lock by a lease that is held for long', () => {
  let place: Awaited<ReturnType<typeof fakePlace>>;
  beforeEach(async () => {
    place = await fakePlace();
  });
  afterEach(() => place.close());

  const renewals = (): number => service.requests.filter((request) => request.endsWith('lease=renew')).length;

  it('is renewed, so that it outlives the lease it began with', async () => {
    const lock = lockAt(place, 'limpet', { renewEveryMs: 5 });
    const held = await taken(lock);
    nowMs += (BLOB_LEASE_SECONDS - 1) * 1000;
    const seen = renewals();
    await until(() => renewals() > seen + 2); // the last but one was asked for after this, and answered
    lock.check();
    await held.release();
    const after = renewals();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(renewals()).toBe(after);
  });

  it('counts as lost ten seconds before its lease ends, when it cannot be renewed', async () => {
    const lock = lockAt(place, 'limpet', { renewEveryMs: 5 });
    const held = await taken(lock);
    service.failWith = { status: 403, code: 'AuthenticationFailed' };
    const seen = renewals();
    await until(() => renewals() > seen + 2); // the last but one was asked for after this, and answered
    nowMs += (BLOB_LEASE_SECONDS - 11) * 1000;
    lock.check();
    nowMs += 2000;
    expect(() => lock.check()).toThrow(expect.objectContaining({ code: 'STORAGE_LOCK_LOST' }));
    await held.release(); // which the service refuses too: no failure of the work that was done
  });

  it('is lost as soon as the service says that it is another’s', async () => {
    const lock = lockAt(place, 'limpet', { renewEveryMs: 5 });
    await taken(lock);
    service.breakLeases();
    const seen = renewals();
    await until(() => renewals() > seen + 2); // the last but one was asked for after this, and answered
    expect(() => lock.check()).toThrow(expect.objectContaining({ code: 'STORAGE_LOCK_LOST' }));
    const next = await taken(lockAt(place, 'whelk'));
    await next.release();
  });

  it('is not taken where the service does not let it be written', async () => {
    service.failWith = { status: 403, code: 'AuthorizationPermissionMismatch' };
    await expect(lockAt(place, 'limpet').take()).rejects.toMatchObject({ code: 'STORAGE_FAILED', retryable: false });
    service.failWith = { status: 404, code: 'ContainerNotFound' };
    await expect(lockAt(place, 'limpet').take()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});
