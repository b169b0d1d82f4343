import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Uid2Client } from '@holdfast/local/uid2-client';
import type { DecryptedToken, MappedInput } from '@holdfast/local/uid2-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  CLOUD_PORTS,
  freePortBase,
  HoldfastProcess,
  moveSaltsToYesterday,
  readSaltMetadata,
  runHoldfast,
  uid2ClientOf,
  waitFor,
} from '../src/index.ts';
import type { ReadyFile } from '../src/index.ts';
import { keepSeededHome } from './home-copy.ts';

/** Stores are read every ten seconds; a loaded machine may take its time. */
const REFRESH_DEADLINE_MS = 90_000;
/** Starting a whole cloud, or four commands, takes its time on a loaded machine. */
const SLOW_HOOK_MS = 150_000;
const CONNECTIONS = 12;

const home = keepSeededHome();
const bucket = join(home.folder, 'world/core');
/** Midnight before the seeded snapshot took effect, so that another one can take effect while the test runs. */
let today: number;
let up: HoldfastProcess;
let ready: ReadyFile;

beforeAll(async () => {
  today = moveSaltsToYesterday(home.folder);
  up = new HoldfastProcess({ home: home.folder, portBase: await freePortBase(CLOUD_PORTS) });
  ready = await up.ready(SLOW_HOOK_MS - 10_000);
}, SLOW_HOOK_MS);

afterAll(async () => {
  await up.stop();
  home.remove();
});

/** Runs an administrator's command and answers its JSON. */
async function admin<T>(...args: readonly string[]): Promise<T> {
  const result = await runHoldfast(['uid2', ...args, '--home', home.folder, '--json']);
  if (result.code !== 0) throw new Error(`${args.join(' ')} ended with ${result.code}: ${result.stdout}`);
  return JSON.parse(result.stdout) as T;
}

/** Runs a command that must not succeed; answers exit code and error code. */
async function refused(...args: readonly string[]): Promise<readonly [number | null, string]> {
  const result = await runHoldfast(['uid2', ...args, '--home', home.folder, '--json']);
  return [result.code, (JSON.parse(result.stdout) as { error: { code: string } }).error.code];
}

/** Whether every serving thread answers like that: the kernel spreads new connections among them. */
async function allAnswer(apiKey: string, status: number): Promise<boolean> {
  const statuses = await Promise.all(Array.from({ length: CONNECTIONS }, () => statusFor(apiKey)));
  return statuses.every((seen) => seen === status);
}

/** The status of a request whose body is no envelope: 400 when the key counts, 401 when it does not. */
async function statusFor(apiKey: string): Promise<number> {
  const answer = await fetch(`${ready.operator.url}/v2/token/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, connection: 'close' },
    body: 'x',
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function advertisingToken(client: Uid2Client): Promise<string> {
  const outcome = await client.generateToken({ kind: 'email', value: 'user@example.com' });
  if (outcome.status !== 'success') throw new Error('there is no token');
  return outcome.identity.advertisingToken;
}

/**
 * What a token of this client's says, as soon as the keys it is given read it. Stores and serving threads take a change up
 * one after the other, so for a moment a token may be made with a key that the next answer does not list yet.
 */
async function readToken(client: Uid2Client, token: string): Promise<DecryptedToken> {
  let read: DecryptedToken | undefined;
  let problem = '';
  await waitFor(
    async () => {
      try {
        read = (await client.fetchKeys()).decrypt(token, Date.now());
      } catch (error) {
        problem = String(error);
      }
      return read !== undefined;
    },
    REFRESH_DEADLINE_MS,
    () => problem,
  );
  if (read === undefined) throw new Error(problem);
  return read;
}

/** Bytes 2 to 5 of a version 4 token. */
function masterKeyId(token: string): number {
  return Buffer.from(token, 'base64url').readInt32BE(2);
}

describe('a site and a client made while the operator runs', () => {
  interface Issued {
    readonly client: { readonly apiKey: string; readonly secret: string; readonly keyId: string };
  }
  let issued: Issued['client'];

  it('work at the operator after its next refresh', async () => {
    const { site } = await admin<{ site: { id: number } }>(
      'site',
      'create',
      'Barnacle Weekly',
      '--types',
      'publisher',
      '--domains',
      'barnacle.example',
    );
    expect(site.id).toBe(8);
    const created = await admin<Issued>(
      'client',
      'create',
      'Barnacle backend',
      '--site',
      '8',
      '--roles',
      'generator,sharer',
    );
    issued = created.client;
    await waitFor(
      () => allAnswer(issued.apiKey, 400),
      REFRESH_DEADLINE_MS,
      () => 'the operator does not know the new key',
    );
    const client = uid2ClientOf(ready.operator.url, issued);
    const token = await advertisingToken(client);
    expect(await readToken(client, token)).toMatchObject({ siteId: 8, tokenVersion: 4 });
    await client.close();
  });

  it('leave the key nowhere in clear', () => {
    const files = readdirSync(bucket, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const holding = files.filter((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(issued.apiKey));
    expect([files.length > 20, holding]).toEqual([true, []]);
  });

  it('cannot be cut off by accident', async () => {
    expect(await refused('client', 'disable', issued.keyId)).toEqual([1, 'CONFIRMATION_REQUIRED']);
    expect(await refused('key', 'rotate', 'master', '--force', '--activates-in', '0')).toEqual([
      1,
      'CONFIRMATION_REQUIRED',
    ]);
    expect(await statusFor(issued.apiKey)).toBe(400);
  });

  describe('when the key is disabled, the master key rotated and salts rotated', () => {
    const emails = Array.from({ length: 1500 }, (_, index) => `reader${index}@example.com`);
    let client: Uid2Client;
    let rotation: readonly string[];
    let oldToken: string;
    let before: readonly Mapped[];
    let newKeys: readonly { readonly id: number; readonly keysetId: number }[];
    let plan: { readonly rotating: number };
    let snapshotsAfterDryRun: number;
    let salts: { readonly rotated: number; readonly effective: number };

    // All at once: what takes the time is that operators look every ten seconds.
    beforeAll(async () => {
      client = uid2ClientOf(ready.operator.url, ready.client);
      oldToken = await advertisingToken(client);
      before = await mapAll(client, emails);
      const date = new Date(today).toISOString().slice(0, 10);
      rotation = ['salt', 'rotate', '--fraction', '10%', '--date', date];
      ({ plan } = await admin<{ plan: typeof plan }>(...rotation, '--dry-run'));
      snapshotsAfterDryRun = readSaltMetadata(home.folder).salts.length;
      await admin('client', 'disable', issued.keyId, '--yes');
      const now = ['--force', '--activates-in', '0'];
      const rotated = await admin<{ added: typeof newKeys }>('key', 'rotate', 'master', ...now, '--yes');
      newKeys = rotated.added;
      ({ salts } = await admin<{ salts: typeof salts }>(...rotation));
    }, SLOW_HOOK_MS);

    afterAll(() => client.close());

    it('its holder gets 401', async () => {
      await waitFor(
        () => allAnswer(issued.apiKey, 401),
        REFRESH_DEADLINE_MS,
        () => 'the operator still takes the disabled key',
      );
    });

    it('new tokens are made with the new key, and old ones stay readable', async () => {
      expect(newKeys.map(({ keysetId }) => keysetId)).toEqual([-1, -2]);
      await waitFor(
        async () => masterKeyId(await advertisingToken(client)) === newKeys[0]?.id,
        REFRESH_DEADLINE_MS,
        () => 'new tokens are still made with the old key',
      );
      expect(masterKeyId(oldToken)).not.toBe(newKeys[0]?.id);
      for (const token of [oldToken, await advertisingToken(client)]) {
        expect(await readToken(client, token)).toMatchObject({ siteId: ready.client.siteId, tokenVersion: 4 });
      }
    });

    it('some raw UIDs change, with the old ones as previous, and the operator serves throughout', async () => {
      expect([plan.rotating > 0, snapshotsAfterDryRun]).toEqual([true, 1]);
      expect(salts).toMatchObject({ rotated: plan.rotating, effective: today });
      let after = before;
      await waitFor(
        async () => {
          after = await mapAll(client, emails);
          return after.some((entry, index) => entry.rawUid !== before[index]?.rawUid);
        },
        REFRESH_DEADLINE_MS,
        () => 'the operator still maps with the old salts',
      );
      const changed = after.flatMap((entry, index) =>
        entry.rawUid === before[index]?.rawUid ? [] : [{ entry, old: before[index] }],
      );
      expect(changed.length).toBeLessThan(emails.length / 2);
      expect(changed.map(({ entry }) => entry.previousRawUid)).toEqual(changed.map(({ old }) => old?.rawUid));
      const health = await fetch(`${ready.operator.url}/ops/healthcheck`);
      expect([health.status, await health.text()]).toEqual([200, 'OK']);
    });

    it('no second snapshot can be made for the same day', async () => {
      expect(await refused(...rotation)).toEqual([1, 'SALT_TARGET_DATE_PASSED']);
    });
  });
});

interface Mapped {
  readonly rawUid: string;
  readonly previousRawUid: string | null;
}

async function mapAll(client: Uid2Client, emails: readonly string[]): Promise<readonly Mapped[]> {
  const mapped = await client.mapIdentities('email', emails);
  return mapped.map((entry: MappedInput) => {
    if (!('rawUid' in entry)) throw new Error(`${entry.input}: ${entry.error}`);
    return entry;
  });
}
