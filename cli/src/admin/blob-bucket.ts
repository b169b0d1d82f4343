import { hostname, userInfo } from 'node:os';
import { performance } from 'node:perf_hooks';

import { RequestError } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import {
  accountNameOf,
  BLOB_LEASE_SECONDS,
  blobAccessSchema,
  createBlobLock,
  createBlobStore,
} from '@holdfast/storage';
import type { BlobCredential, BlobLock, ObjectStore } from '@holdfast/storage';

import type { CliIo } from '../context.ts';
import { LOCK_NAME } from './bucket.ts';
import type { Bucket, WorldLock } from './bucket.ts';

/** The two parts of a container's URL. */
interface ContainerAddress {
  readonly accountUrl: string;
  readonly container: string;
}

/**
 * A container of Azure Blob Storage. Account key, client id and deadline are the same settings as Core's; without a key
 * whoever is signed in on this machine is asked for.
 * @param url `https://<account>.blob.core.windows.net/<container>`
 * @throws RequestError WORLD_ADDRESS_INVALID
 * @throws ConfigError CONFIG_INVALID
 */
export function openBlobBucket(url: string, env: CliIo['env']): Bucket {
  const address = containerAddress(url);
  const { storage_timeout_ms: timeoutMs, ...access } = loadConfig({ schema: blobAccessSchema, env });
  const { storage_account_key: accountKey, storage_client_id: clientId } = access;
  const credential: BlobCredential =
    accountKey === undefined
      ? { kind: 'signed-in', ...(clientId === undefined ? {} : { clientId }) }
      : { kind: 'shared-key', accountName: accountNameOf(address.accountUrl), accountKey };
  const options = { ...address, credential, timeoutMs };
  const name = `${address.accountUrl}/${address.container}`;
  // The lease counts from this process's start, so that nobody can end it by setting a clock.
  const blobLock = createBlobLock({
    ...options,
    path: LOCK_NAME,
    holder: thisProcess(),
    clock: () => performance.now(),
  });
  return {
    objects: guarded(createBlobStore({ ...options, clock: Date.now }), blobLock),
    name,
    lock: leaseLock(blobLock, address),
    // A container has rules of access that whoever makes it decides.
    prepare: () => Promise.resolve(),
  };
}

function containerAddress(url: string): ContainerAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const path = /^(?<account>\/.*?)?\/(?<container>[a-z0-9](?:-?[a-z0-9]){2,62})\/?$/.exec(
    parsed?.pathname ?? '',
  )?.groups;
  const container = path?.['container'];
  const plain = parsed !== undefined && /^https?:$/.test(parsed.protocol) && parsed.search + parsed.hash === '';
  if (!plain || container === undefined || parsed.username + parsed.password !== '') {
    throw new RequestError('WORLD_ADDRESS_INVALID', 'the address given as --world is no blob container’s', {
      details: { expected: 'https://<account>.blob.core.windows.net/<container>' },
      action:
        'Name a folder, or a container as https://<account>.blob.core.windows.net/<container>, without a signature; ' +
        'an account key belongs into the environment, as storage_account_key.',
    });
  }
  return { accountUrl: `${parsed.origin}${path?.['account'] ?? ''}`, container };
}

/** Nothing is written after the lease is lost: by then the bucket may be another administrator's. */
function guarded(objects: ObjectStore, lock: BlobLock): ObjectStore {
  return {
    ...objects,
    async write(path, bytes) {
      lock.check();
      await objects.write(path, bytes);
    },
    async delete(path) {
      lock.check();
      await objects.delete(path);
    },
  };
}

function leaseLock(lock: BlobLock, { accountUrl, container }: ContainerAddress): WorldLock {
  return {
    async take() {
      const attempt = await lock.take();
      if (attempt.taken) return attempt;
      const breaking =
        `az storage blob lease break --account-name ${accountNameOf(accountUrl)} --container-name ${container} ` +
        `--blob-name ${LOCK_NAME} --lease-break-period 0`;
      return {
        taken: false,
        holder: attempt.holder,
        action:
          'Try again when that command is done. Should it have died, its lease ends by itself within ' +
          `${BLOB_LEASE_SECONDS} seconds. To end the lease of a command that hangs, at your own risk: ${breaking}`,
      };
    },
  };
}

/** Shown to whoever finds the lock taken. */
function thisProcess(): string {
  return `${userName()}@${hostname()}, process ${process.pid}, since ${new Date().toISOString()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown user'; // containers run with user ids that no list names
  }
}
