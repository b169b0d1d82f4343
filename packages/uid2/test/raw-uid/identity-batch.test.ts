import { toBase64 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { firstLevelHash, hashDii } from '../../src/identity/identity-hash.ts';
import type { DiiKind } from '../../src/identity/identity.ts';
import { plainLanes } from '../../src/lanes/plain-lanes.ts';
import { IDENTITY_BATCH_CAPACITY, IdentityBatch, INVALID, OPTED_OUT } from '../../src/raw-uid/identity-batch.ts';
import type { IdentityBatchWorld } from '../../src/raw-uid/identity-batch.ts';
import { mapIdentity } from '../../src/raw-uid/raw-uid.ts';
import { parseSaltFile } from '../../src/salts/salt-file.ts';
import type { SaltTable } from '../../src/salts/salt-table.ts';

const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const SALT_TEXT = 'y5YitNf/KFtceipDz8nqsFVmBZsK3KY7s8bOVM4gMD4=';
const KEY_TEXT = 'abcdefghijklmnopqrstuvwxyz012345';
const FIRST_LEVEL_SALT = 'fOGY/aRE44peL23i+cE9MkJrzmEeNZZziNZBfq7qqk8=';

/** Entries with material of every sort: both versions, both with and without previous material, usual and odd lengths. */
const COLUMNS = [
  `${NOW - DAY},${SALT_TEXT},${NOW + DAY},previous-of-the-first-entry,,,,,,`,
  `${NOW - 100 * DAY},${SALT_TEXT},${NOW - DAY},${SALT_TEXT},,,,,,`,
  `${NOW - DAY},,${NOW + 5},,77,${KEY_TEXT},${SALT_TEXT},76,${KEY_TEXT},another salt of forty-four letters, no Base64`,
  `${NOW - DAY},,${NOW + 5},${SALT_TEXT},16777215,${KEY_TEXT},${SALT_TEXT},,,`,
  `${NOW - DAY},short,${NOW + 5},,,,,12,${KEY_TEXT},short`,
  `${NOW - DAY},${'long'.repeat(60)},${NOW},${'x'.repeat(76)},,,,,,`,
  `${NOW - DAY},,${NOW},twelve bytes,5,${KEY_TEXT},${'k'.repeat(99)},6,${KEY_TEXT},${'k'.repeat(100)}`,
  `${NOW - DAY},${'s'.repeat(75)},${NOW},,,,,6,${KEY_TEXT},`,
  `${NOW - DAY},${SALT_TEXT},${NOW},,,,,,,`,
].map((columns) => columns.replace(', no', ' no'));

function tableOf(columns: readonly string[], size: number = columns.length): SaltTable {
  const lines = columns.map((column, i) => `${1_000_000 + i},${column}`).join('\n');
  return parseSaltFile(Buffer.from(`${lines}\n`), { size, idPrefix: 'b', idSecret: 'secret' });
}

function worldOf(table: SaltTable, overrides: Partial<IdentityBatchWorld> & { firstLevelSalt?: string } = {}) {
  const { firstLevelSalt = FIRST_LEVEL_SALT, ...rest } = overrides;
  const options = { scope: 'euid', environment: 'integ', identityV3: false } as const;
  return {
    salts: { effective: 0, expires: NOW * 2, firstLevelSalt, table },
    email: { ...options, type: 'email' },
    phone: { ...options, type: 'phone' },
    withPrevious: true,
    nowMs: NOW,
    isOptedOut: () => false,
    ...rest,
  } satisfies IdentityBatchWorld;
}

/** What the batch says about every text. */
function mapAll(batch: IdentityBatch, world: IdentityBatchWorld, kind: DiiKind, texts: readonly string[]): unknown[] {
  const results: unknown[] = [];
  const text = (address: number): string => Buffer.from(batch.memory.slice(address, address + 44)).toString('latin1');
  for (let from = 0; from < texts.length; from += IDENTITY_BATCH_CAPACITY) {
    const count = Math.min(IDENTITY_BATCH_CAPACITY, texts.length - from);
    batch.map(world, kind, texts, from, from + count);
    for (let i = 0; i < count; i += 1) {
      if (batch.outcomes[i] === INVALID) results.push('invalid');
      else if (batch.outcomes[i] === OPTED_OUT) results.push('opted out');
      else {
        const [rawUid = 0, previous = 0] = [batch.rawUidTexts[i], batch.previousTexts[i]];
        results.push({
          rawUid: text(rawUid),
          previous: previous === 0 ? undefined : text(previous),
          bucketIndex: batch.bucketIndexes[i],
          refreshFromMs: batch.refreshFromMs[i],
          version: batch.versions[i],
        });
      }
    }
  }
  return results;
}

/** The same, one by one. */
function expected(world: IdentityBatchWorld, kind: DiiKind, texts: readonly string[]): unknown[] {
  return texts.map((text) => {
    const identity = hashDii(kind, text);
    if (identity === undefined) return 'invalid';
    const flh = firstLevelHash(identity.hash, world.salts.firstLevelSalt);
    if (world.isOptedOut(flh, 0, identity.type)) return 'opted out';
    const mapped = mapIdentity(world.salts.table, flh, world[identity.type], world.nowMs);
    const { rawUid, previousRawUid: previous, bucketIndex, refreshFromMs } = mapped;
    return {
      rawUid: toBase64(rawUid),
      previous: previous === undefined || !world.withPrevious ? undefined : toBase64(previous),
      bucketIndex,
      refreshFromMs,
      version: rawUid.length === 32 ? 2 : ((rawUid[0] ?? 0) & 0x20) === 0 ? 3 : 4,
    };
  });
}

const EMAILS = [
  ...Array.from({ length: 300 }, (_, i) => `user${i}@example.com`),
  'First.Last+tag@Gmail.com',
  'not an address',
  `${'long'.repeat(20)}@example.com`,
  'UPPER@EXAMPLE.COM',
  'ümlaut@example.com',
  '\ud800@example.com',
  '',
  'spaced out@example.com ',
];
const HASHES = EMAILS.map((email) => toBase64(hashDii('email', email)?.hash ?? new Uint8Array(31))).concat(
  'x',
  Buffer.alloc(33, 7).toString('base64'),
  Buffer.alloc(32, 9).toString('hex'),
);
const PHONES = ['+12345678901', '12345678901', '+99999999999', ''];

const BATCHES: readonly (readonly [DiiKind, readonly string[]])[] = [
  ['email', EMAILS],
  ['email_hash', HASHES],
  ['phone', PHONES],
  ['phone_hash', HASHES.slice(0, 20)],
];

describe.each([
  ['in WebAssembly', undefined],
  ['through node:crypto', plainLanes],
] as const)('IdentityBatch %s maps as one by one', (_name, lanes) => {
  it.each(BATCHES)('%s', (kind, texts) => {
    const world = worldOf(tableOf(COLUMNS));
    expect(mapAll(new IdentityBatch(lanes), world, kind, texts)).toEqual(expected(world, kind, texts));
  });

  it('with version 3 raw UIDs', () => {
    const table = tableOf(COLUMNS);
    const options = { scope: 'uid2', type: 'email', environment: 'test', identityV3: true } as const;
    const world = worldOf(table, { email: options });
    expect(mapAll(new IdentityBatch(lanes), world, 'email', EMAILS)).toEqual(expected(world, 'email', EMAILS));
  });

  it.each(['', 'x', 'é', 's'.repeat(75), 's'.repeat(76), 's'.repeat(203), 's'.repeat(204), 'ü'.repeat(500)])(
    'with the first-level salt %j',
    (firstLevelSalt) => {
      const world = worldOf(tableOf(COLUMNS), { firstLevelSalt });
      for (const [kind, texts] of BATCHES) {
        expect(mapAll(new IdentityBatch(lanes), world, kind, texts)).toEqual(expected(world, kind, texts));
      }
    },
  );

  it('one batch after the other, whatever came before', () => {
    const batch = new IdentityBatch(lanes);
    const tables = [tableOf(COLUMNS), tableOf(COLUMNS.slice(0, 2)), tableOf(COLUMNS.slice(2, 4))];
    const world = fc.record({
      table: fc.constantFrom(...tables),
      firstLevelSalt: fc.constantFrom(FIRST_LEVEL_SALT, 'other', 's'.repeat(204)),
      withPrevious: fc.boolean(),
      identityV3: fc.boolean(),
    });
    const step = fc.tuple(world, fc.constantFrom(...BATCHES), fc.nat(300), fc.nat(20));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        for (const [{ table, identityV3, ...rest }, [kind, texts], from, count] of steps) {
          const options = { scope: 'uid2', environment: 'prod', identityV3 } as const;
          const email = { ...options, type: 'email' } as const;
          const world = worldOf(table, { ...rest, email });
          const some = texts.slice(from, from + count);
          expect(mapAll(batch, world, kind, some)).toEqual(expected(world, kind, some));
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('IdentityBatch', () => {
  it('leaves out who opted out', () => {
    const isOptedOut = (bytes: Uint8Array, offset: number): boolean => (bytes[offset] ?? 0) % 3 === 0;
    const world = worldOf(tableOf(COLUMNS), { isOptedOut });
    const results = mapAll(new IdentityBatch(), world, 'email', EMAILS);
    expect(results).toEqual(expected(world, 'email', EMAILS));
    expect(results).toContain('opted out');
  });

  it('gives no previous raw UIDs when they are not wanted', () => {
    const world = worldOf(tableOf(COLUMNS), { withPrevious: false });
    expect(mapAll(new IdentityBatch(), world, 'email', EMAILS)).toEqual(expected(world, 'email', EMAILS));
  });

  it.each([
    ['a hole', tableOf(COLUMNS.slice(0, 1), 50)],
    ['an entry without material', tableOf([`${NOW},,${NOW},,,,,,,`])],
    ['a key without salt', tableOf([`${NOW},,${NOW},,5,${KEY_TEXT},,,,`])],
    ['a key of another length', tableOf([`${NOW},,${NOW},,5,short,${SALT_TEXT},,,`])],
  ])('fails at %s', (_name, table) => {
    expect(() => mapAll(new IdentityBatch(), worldOf(table), 'email', EMAILS)).toThrow(
      expect.objectContaining({ code: 'SALT_ENTRY_UNUSABLE' }),
    );
  });

  it('a batch of nothing valid has no results', () => {
    expect(mapAll(new IdentityBatch(), worldOf(tableOf(COLUMNS)), 'phone', ['', 'x'])).toEqual(['invalid', 'invalid']);
  });
});
