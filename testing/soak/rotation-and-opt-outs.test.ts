import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { toBase64 } from '@holdfast/base';
import type { Uid2Client } from '@holdfast/local/uid2-client';
import { firstLevelHash, hashDii } from '@holdfast/uid2';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { keepSeededHome } from '../e2e/home-copy.ts';
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
import { megabytes, record, residentBytes } from './support/memory.ts';

const OPT_OUTS = 100_000;
const BATCH = 5000;
const SENDERS = 64;
const SYNC_DEADLINE_MS = 90_000;
const TOKENS_AFTERWARDS = 500;

const home = keepSeededHome();
const emails = Array.from({ length: OPT_OUTS }, (_, index) => `leaving.${index}@example.com`);
const staying = Array.from({ length: BATCH }, (_, index) => `staying.${index}@example.com`);
let firstLevelSalt: string;
let rotationDay: string;
let up: HoldfastProcess;
let ready: ReadyFile;
let client: Uid2Client;

beforeAll(async () => {
  firstLevelSalt = readSaltMetadata(home.folder).first_level;
  rotationDay = new Date(moveSaltsToYesterday(home.folder)).toISOString().slice(0, 10);
  up = new HoldfastProcess({ home: home.folder, portBase: await freePortBase(CLOUD_PORTS) });
  ready = await up.ready(120_000);
  client = uid2ClientOf(ready.operator.url, ready.client);
});

afterAll(async () => {
  await client.close();
  await up.stop();
  home.remove();
});

function batches<T>(values: readonly T[]): (readonly T[])[] {
  return Array.from({ length: Math.ceil(values.length / BATCH) }, (_, index) =>
    values.slice(index * BATCH, (index + 1) * BATCH),
  );
}

/** The raw UID of each e-mail address; fails where one has none. */
async function rawUids(inputs: readonly string[]): Promise<string[]> {
  const uids: string[] = [];
  for (const batch of batches(inputs)) {
    for (const entry of await client.mapIdentities('email', batch)) {
      if (!('rawUid' in entry)) throw new Error(`${entry.input}: ${entry.error}`);
      uids.push(entry.rawUid);
    }
  }
  return uids;
}

/** Tells the opt-out service of everybody, as an operator does; answers the refusals. */
async function optOutAll(uids: readonly string[], isOptedOut: (index: number) => void): Promise<string[]> {
  const { operatorKey } = JSON.parse(readFileSync(join(home.folder, 'credentials.json'), 'utf8')) as {
    operatorKey: string;
  };
  const pool = new Pool(ready.optout.url, { connections: SENDERS });
  const refusals: string[] = [];
  const waiting = emails.entries();
  const sender = async (): Promise<void> => {
    for (const [index, email] of waiting) {
      const identity = hashDii('email', email);
      if (identity === undefined) throw new Error(`${email} is no address`);
      const query = new URLSearchParams({
        identity_hash: toBase64(firstLevelHash(identity.hash, firstLevelSalt)),
        advertising_id: uids[index] ?? '',
      });
      const answer = await pool.request({
        method: 'POST',
        path: `/optout/replicate?${query.toString()}`,
        headers: { authorization: `Bearer ${operatorKey}` },
      });
      const text = await answer.body.text();
      if (answer.statusCode === 200) isOptedOut(index);
      else refusals.push(`${answer.statusCode} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  await pool.close();
  return refusals;
}

/** Maps and makes tokens until told to stop. Whoever was answered as opted out has to stay so. */
class Load {
  readonly problems: string[] = [];
  maps = 0;
  tokens = 0;
  /** By address, the moment at which it was first answered as opted out. */
  readonly #gone = new Map<string, number>();
  #over = false;
  readonly #running: Promise<unknown>;

  constructor() {
    this.#running = Promise.all([this.#map(), this.#map(), this.#generate(), this.#generate()]);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#running;
  }

  async #map(): Promise<void> {
    while (!this.#over) {
      const start = randomInt(OPT_OUTS - BATCH);
      await this.#watched(async () => {
        const batch = [...emails.slice(start, start + BATCH - 100), ...staying.slice(0, 100)];
        const asked = performance.now();
        for (const entry of await client.mapIdentities('email', batch)) {
          if ('rawUid' in entry) this.#withUid(entry.input, asked);
          else if (entry.error === 'optout') this.#optedOut(entry.input);
          else this.problems.push(`${entry.input}: ${entry.error}`);
        }
        this.maps += 1;
      });
    }
  }

  async #generate(): Promise<void> {
    while (!this.#over) {
      const email = emails[randomInt(OPT_OUTS)] ?? '';
      await this.#watched(async () => {
        const asked = performance.now();
        const { status } = await client.generateToken({ kind: 'email', value: email });
        if (status === 'success') this.#withUid(email, asked);
        else this.#optedOut(email);
        this.tokens += 1;
      });
    }
  }

  #optedOut(email: string): void {
    if (email.startsWith('staying')) this.problems.push(`${email} counts as opted out`);
    if (!this.#gone.has(email)) this.#gone.set(email, performance.now());
  }

  #withUid(email: string, asked: number): void {
    const goneAt = this.#gone.get(email);
    if (goneAt !== undefined && goneAt < asked) {
      this.problems.push(`${email} got a UID ${Math.round(asked - goneAt)} ms after it was opted out`);
    }
  }

  async #watched(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.problems.push(String(error));
    }
  }
}

/** Everybody who left and is answered otherwise than as opted out, as texts. */
async function answeredOtherwise(): Promise<string[]> {
  const others: string[] = [];
  for (const batch of batches(emails)) {
    const answers = await client.mapIdentities('email', batch);
    if (answers.length !== batch.length) others.push(`${answers.length} answers for ${batch.length} addresses`);
    for (const entry of answers) {
      if ('rawUid' in entry || entry.error !== 'optout') others.push(JSON.stringify(entry));
    }
  }
  return others;
}

describe(`a salt rotation and ${OPT_OUTS.toLocaleString('en')} opt-outs while an operator works`, () => {
  it('fail no request, and leave nobody who opted out with a UID', async () => {
    const before = await rawUids(emails);
    const load = new Load();
    const start = performance.now();

    const rotate = ['uid2', 'salt', 'rotate', '--fraction', '10%', '--date', rotationDay];
    const rotation = runHoldfast([...rotate, '--home', home.folder, '--json']);
    const accepted = new Set<number>();
    const refusals = await optOutAll(before, (index) => accepted.add(index));
    const burstSeconds = Math.round((performance.now() - start) / 100) / 10;
    expect((await rotation).code).toBe(0);
    expect([refusals.slice(0, 3), accepted.size]).toEqual([[], OPT_OUTS]);
    // The operator has the whole list once it knows everybody; its status counts an opt-out in two files twice.
    let late: readonly string[] = [];
    await waitFor(
      async () => {
        late = await answeredOtherwise();
        return late.length === 0;
      },
      SYNC_DEADLINE_MS,
      () => `${late.length} opt-outs do not count yet, as ${late[0]}\n${up.output.slice(-2000)}`,
    );
    const syncedSeconds = Math.round((performance.now() - start) / 100) / 10;

    // Everything again, the load still running: map, tokens, and the status of the UIDs that were handed out before.
    const answered = await answeredOtherwise();
    for (let index = 0; index < TOKENS_AFTERWARDS; index += 1) {
      const email = emails[randomInt(OPT_OUTS)] ?? '';
      const { status } = await client.generateToken({ kind: 'email', value: email });
      if (status !== 'optout') answered.push(`${email}: ${status}`);
    }
    await load.stop();
    const stayed = await client.mapIdentities('email', staying);
    record('salt rotation and opt-outs under load', {
      optOuts: OPT_OUTS,
      burstSeconds,
      syncedSeconds,
      mapRequests: load.maps,
      mappedEntries: load.maps * BATCH,
      tokens: load.tokens,
      operatorResidentMB: megabytes(residentBytes(ready.operator.pid) ?? 0),
    });
    expect(answered.slice(0, 5)).toEqual([]);
    expect(load.problems.slice(0, 5)).toEqual([]);
    expect(stayed.filter((entry) => !('rawUid' in entry))).toEqual([]);
    expect(stayed.length).toBe(BATCH);
    expect(stayed.some((entry) => 'rawUid' in entry && entry.previousRawUid !== null)).toBe(true);
    expect([load.maps > 5, load.tokens > 100]).toEqual([true, true]);
    expect((await fetch(`${ready.operator.url}/ops/healthcheck`)).status).toBe(200);
  });
});
