import { describe, test } from 'vitest';

import { DependencyError } from '@holdfast/base';

import { DEFAULT_RETRY_POLICY, parseRetryAfter, retrying } from '../../src/registry/retry.ts';
import { virtualTime } from '../support/images.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

describe('retrying', () => {
  test('doubles the wait up to its limit and throws the last error', async ({ expect }) => {
    const time = virtualTime();
    const policy = { ...DEFAULT_RETRY_POLICY, ...time.retry, attempts: 5, baseDelayMs: 100, maxDelayMs: 500 };
    let tries = 0;
    const failing = retrying(policy, () => {
      tries += 1;
      return Promise.reject(new DependencyError('REGISTRY_UNREACHABLE', `try ${tries}`, { retryable: true }));
    });
    await expect(failing).rejects.toThrow('try 5');
    expect(time.sleeps).toEqual([50, 100, 200, 250]);
  });

  test('does not repeat what will fail again', async ({ expect }) => {
    let tries = 0;
    const failing = retrying({ ...DEFAULT_RETRY_POLICY, ...virtualTime().retry }, () => {
      tries += 1;
      return Promise.reject(new DependencyError('REGISTRY_UNREACHABLE', 'no', { retryable: false }));
    });
    await expect(failing).rejects.toThrow('no');
    expect(tries).toBe(1);
  });
});

describe('parseRetryAfter', () => {
  test.for([
    [undefined, undefined],
    ['0', 0],
    ['12', 12_000],
    ['soon', undefined],
    ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ] as const)('reads %j', ([value, expected], { expect }) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });
});
