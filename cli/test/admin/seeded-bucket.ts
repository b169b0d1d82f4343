import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createClient, createOperator, createSite, WORLD_STORES, writeSaltLine } from '@holdfast/uid2/administration';
import type { World } from '@holdfast/uid2/administration';

import type { Bucket } from '../../src/admin/bucket.ts';
import { openFolderBucket } from '../../src/admin/open-bucket.ts';
import { publishStores } from '../../src/admin/store-files.ts';
import { capture } from '../captured-io.ts';
import type { CapturedRun, CaptureOptions } from '../captured-io.ts';

export const DAY_MS = 86_400_000;
const KEY_BYTES = 32;
const SALTS = 200;

/** A folder that is a small bucket of Core: site 3 with a client and a private operator, and 200 salts. */
export interface SeededBucket extends AsyncDisposable {
  readonly bucket: Bucket;
  readonly folder: string;
  /** Start of the current UTC day. */
  readonly today: number;
  /** Runs `holdfast uid2 … --world <folder>`. */
  run(args: readonly string[], options?: CaptureOptions): Promise<CapturedRun>;
  /** The same with --json, and its output. */
  json(args: readonly string[], options?: CaptureOptions): Promise<Record<string, unknown>>;
}

export async function seededBucket(): Promise<SeededBucket> {
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-admin-'));
  const folder = join(parent, 'world');
  const bucket = openFolderBucket(folder);
  const today = await seed(bucket);
  const run = (args: readonly string[], options: CaptureOptions = {}): Promise<CapturedRun> =>
    capture(['uid2', ...args, '--world', folder], options.typed === undefined ? { stdin: '', ...options } : options);
  return {
    bucket,
    folder,
    today,
    run,
    async json(args, options) {
      const { stdout } = await run([...args, '--json'], options);
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true }),
  };
}

/** Fills an empty bucket; answers the start of the current UTC day. */
export async function seed(bucket: Bucket): Promise<number> {
  const now = Date.now();
  const today = now - (now % DAY_MS);
  const world = smallWorld(now);
  await publishStores(
    bucket.objects,
    WORLD_STORES.map(({ directory, member, write }) => ({
      directory,
      member,
      previous: undefined,
      text: write(world, undefined),
    })),
    now - DAY_MS,
  );
  await seedSalts(bucket, today);
  return today;
}

function smallWorld(now: number): World {
  const nowSeconds = Math.floor(now / 1000);
  const reserved = [-1, -2, 2];
  const empty: World = {
    sites: [],
    clients: [],
    operators: [],
    enclaves: [],
    keysets: reserved.map((id) => ({
      id,
      siteId: id,
      name: `reserved ${id}`,
      allowedSites: new Set<number>(),
      createdSeconds: nowSeconds,
      enabled: true,
      isDefault: true,
    })),
    keysetKeys: reserved.map((keysetId, index) => ({
      id: index + 1,
      keysetId,
      createdSeconds: nowSeconds,
      activatesSeconds: nowSeconds - 3600,
      expiresSeconds: nowSeconds + 864_000,
      secret: createSecretKey(randomBytes(KEY_BYTES)),
    })),
    clientSideKeypairs: [],
    services: [],
    serviceLinks: [],
    cloudEncryptionKeys: [],
    maxKeyId: 3,
  };
  const context = { now, randomBytes };
  const naming = { scope: 'uid2', environment: 'T' } as const;
  const site = { name: 'Kelp Media', clientTypes: [], domainNames: ['kelp.example'], appNames: [] };
  const withSite = createSite(empty, site, context).world;
  const client = { name: 'backend', siteId: 3, roles: ['GENERATOR' as const], serviceId: 0 };
  const operator = {
    name: 'kelp operator',
    protocol: 'azure-cc' as const,
    siteId: 3,
    operatorType: 'PRIVATE' as const,
    roles: ['OPTOUT' as const],
  };
  return createOperator(createClient(withSite, client, naming, context).world, operator, naming, context).world;
}

/** A snapshot that took effect yesterday, whose salts of 40 days and more may rotate tomorrow. */
async function seedSalts(bucket: Bucket, today: number): Promise<void> {
  const effective = today - DAY_MS;
  const location = `salts/salts.txt.${effective}`;
  const lines = Array.from({ length: SALTS }, (_, index) =>
    writeSaltLine({
      id: 1000 + index,
      lastUpdated: today - (index + 1) * 2 * DAY_MS,
      salt: randomBytes(KEY_BYTES).toString('base64'),
      refreshFrom: index < 20 ? today + 10 * DAY_MS : today + DAY_MS,
      previousSalt: undefined,
      currentKey: undefined,
      previousKey: undefined,
    }),
  );
  await bucket.objects.write(location, lines.join(''));
  const metadata = {
    version: 5,
    generated: 1,
    first_level: 'first',
    id_prefix: 'h',
    id_secret: 'secret',
    note: 'kept',
    salts: [{ effective, expires: effective + 30 * DAY_MS, location, size: SALTS, mark: 'kept' }],
  };
  await bucket.objects.write('salts/metadata.json', JSON.stringify(metadata));
}
