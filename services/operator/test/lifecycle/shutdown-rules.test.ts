import type { PlatformError } from '@holdfast/base';
import type { StoreState } from '@holdfast/core-client';
import { VirtualTime } from '@holdfast/core-client/testing';
import { beforeEach, describe, expect, it } from 'vitest';

import { ShutdownRules } from '../../src/lifecycle/shutdown-rules.ts';

const HOUR = 3_600_000;

let time: VirtualTime;
let ended: PlatformError[];
let warnings: string[];
let stores: StoreState[];
let rules: ShutdownRules;

beforeEach(() => {
  time = new VirtualTime();
  ended = [];
  warnings = [];
  stores = [];
  rules = new ShutdownRules({
    timers: time,
    saltsExpiredLimitMs: 12 * HOUR,
    storeStaleLimitMs: 12 * HOUR,
    stores: () => stores,
    shutDown: (error) => ended.push(error),
    warn: (_fields, message) => warnings.push(message),
  });
});

const codes = (): string[] => ended.map(({ code }) => code);
const failed = (): void => rules.onAttestOutcome({ result: 'failed', status: 500, body: 'bad' });

function store(name: string, refreshedAtMs: number | undefined, consecutiveFailures = 1): StoreState {
  const loaded = refreshedAtMs !== undefined;
  return { name, loaded, version: 1, refreshedAtMs, changedAtMs: refreshedAtMs, consecutiveFailures, lastError: 'x' };
}

describe('a refused attestation', () => {
  it.for([401, 403] as const)('with %i ends the operator at once and tells what Core said', (status) => {
    rules.onAttestOutcome({ result: 'refused', status, body: '{"status":"disabled"}' });
    expect(codes()).toEqual(['ATTESTATION_REFUSED']);
    expect(ended[0]?.message).toBe(
      'core attestation failed with AttestationFailure, shutting down operator, core response: {"status":"disabled"}',
    );
    expect(ended[0]?.action).toBeTruthy();
  });

  it('ends it once only', () => {
    rules.onAttestOutcome({ result: 'refused', status: 401, body: '' });
    rules.onAttestOutcome({ result: 'refused', status: 401, body: '' });
    expect(ended).toHaveLength(1);
  });
});

describe('a failing attestation', () => {
  it('is borne for exactly 12 hours since its first failure', () => {
    failed();
    time.jump(12 * HOUR);
    failed();
    expect(codes()).toEqual([]);
    time.jump(1);
    failed();
    expect(codes()).toEqual(['ATTESTATION_FAILED_TOO_LONG']);
  });

  it('ends nothing without another attempt', async () => {
    rules.start();
    failed();
    await time.advance(13 * HOUR);
    expect(codes()).toEqual([]);
  });

  it('starts anew after a success', () => {
    failed();
    time.jump(11 * HOUR);
    rules.onAttestOutcome({ result: 'success', status: 200 });
    failed();
    time.jump(11 * HOUR);
    failed();
    expect(codes()).toEqual([]);
  });

  it('without an HTTP answer neither starts nor advances the clock', () => {
    rules.onAttestOutcome({ result: 'unreachable', reason: 'refused' });
    expect(rules.countdowns()).toEqual([]);
    time.jump(13 * HOUR);
    failed();
    expect(codes()).toEqual([]);
    time.jump(13 * HOUR);
    rules.onAttestOutcome({ result: 'unreachable', reason: 'refused' });
    expect(codes()).toEqual([]);
  });

  it('counts down', () => {
    failed();
    const deadlineMs = time.now() + 12 * HOUR;
    time.jump(HOUR);
    failed();
    const sinceMs = deadlineMs - 12 * HOUR;
    expect(rules.countdowns()).toEqual([{ cause: 'attestation_failing', sinceMs, deadlineMs }]);
  });
});

describe('expired salts', () => {
  it('are borne for exactly their limit since first seen', () => {
    rules.onSaltSelection(true);
    time.jump(12 * HOUR);
    rules.onSaltSelection(true);
    expect(codes()).toEqual([]);
    time.jump(1);
    rules.onSaltSelection(true);
    expect(codes()).toEqual(['SALTS_EXPIRED_TOO_LONG']);
  });

  it('are forgiven by one good selection', () => {
    rules.onSaltSelection(true);
    time.jump(11 * HOUR);
    rules.onSaltSelection(false);
    time.jump(2 * HOUR);
    rules.onSaltSelection(true);
    expect([codes(), rules.countdowns()[0]?.sinceMs]).toEqual([[], time.now()]);
  });

  it('are logged at most every ten minutes', () => {
    for (let minute = 0; minute <= 20; minute++) {
      rules.onSaltSelection(true);
      time.jump(60_000);
    }
    expect(warnings).toEqual(['all salts are expired', 'all salts are expired', 'all salts are expired']);
  });
});

describe('a store without successful refresh', () => {
  it('ends the operator at the first hourly look after more than 12 hours', async () => {
    stores = [store('auth', time.now())];
    rules.start();
    await time.advance(12 * HOUR);
    expect(codes()).toEqual([]);
    await time.advance(HOUR);
    expect(codes()).toEqual(['STORE_STALE_TOO_LONG']);
    expect(ended[0]?.message).toBe("Store 'auth' has not refreshed successfully for 13 hours. Shutting down operator");
    expect(time.pending).toBe(0);
  });

  it('is passed over while it never loaded', async () => {
    stores = [store('auth', undefined)];
    rules.start();
    await time.advance(30 * HOUR);
    expect(codes()).toEqual([]);
  });

  it('counts down only while it fails, the nearest deadline first', () => {
    const now = time.now();
    stores = [store('auth', now), store('salt', now - HOUR), store('keyset', now - 2 * HOUR, 0)];
    expect(rules.countdowns().map(({ subject, deadlineMs }) => [subject, deadlineMs - now])).toEqual([
      ['salt', 11 * HOUR],
      ['auth', 12 * HOUR],
    ]);
  });
});
