import { toBase64 } from '@holdfast/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { LoadReport } from '../src/report.ts';
import { run } from '../src/run.ts';
import { FakeOperator, success } from './fake-operator.ts';

describe('run', () => {
  let operator: FakeOperator;
  let said: string[];
  let printed: string[];
  beforeEach(async () => {
    operator = await new FakeOperator().start();
    said = [];
    printed = [];
  });
  afterEach(async () => operator.stop());

  async function bench(words: string, env: Record<string, string> = {}): Promise<number> {
    const credentials = { UID2_API_KEY: operator.apiKey, UID2_CLIENT_SECRET: toBase64(operator.secretBytes), ...env };
    return run(words.split(' '), credentials, {
      data: (text) => void printed.push(text),
      say: (line) => void said.push(line),
    });
  }

  async function measure(scenario: string, more = ''): Promise<LoadReport> {
    const short = '--duration 0.3 --warmup 0 --connections 2 --batch 10';
    const code = await bench(`operator --url ${operator.url} --scenario ${scenario} ${short}${more}`);
    expect([code, said.filter((line) => line.startsWith('bench:'))]).toEqual([0, []]);
    return JSON.parse(printed.join('')) as LoadReport;
  }

  it.each([
    ['token-generate', '/v2/token/generate', 1],
    ['token-refresh', '/v2/token/refresh', 1],
    ['identity-map', '/v3/identity/map', 10],
    ['identity-map-v2', '/v2/identity/map', 10],
  ])('measures %s and prints one JSON document', async (scenario, path, entries) => {
    const report = await measure(scenario);
    expect(report.scenario).toBe(scenario);
    expect(report.requests).toBeGreaterThan(0);
    expect(report.entriesPerSecond).toBeCloseTo(report.requestsPerSecond * entries, -1);
    expect(report.errors).toEqual({});
    expect(operator.requests).toContain(path);
    expect(operator.contentTypes).toEqual(new Set(['text/plain']));
  });

  it.each(['token-generate', 'token-refresh', 'identity-map'])('sends and reads %s in binary', async (scenario) => {
    const report = await measure(scenario, ' --binary');
    expect([report.errors, report.binary]).toEqual([{}, true]);
    expect(operator.contentTypes).toEqual(new Set(['application/octet-stream']));
  });

  it('refreshes every connection with the newest refresh token it was given', async () => {
    await measure('token-refresh');
    expect(new Set(operator.refreshTokens).size).toBe(operator.refreshTokens.length);
  });

  it('measures the health check beside a map load in one run', async () => {
    const report = await measure('health', ' --beside identity-map');
    expect([report.scenario, report.entriesPerSecond]).toEqual(['health', null]);
    expect(report.requests).toBeGreaterThan(0);
    expect(report.beside).toMatchObject({ scenario: 'identity-map', errors: {} });
    expect(report.beside?.requests).toBeGreaterThan(0);
  });

  it('shares connections among processes and merges what they measured', async () => {
    const report = await measure('token-generate', ' --processes 2');
    expect([report.processes, report.errors]).toEqual([2, {}]);
    expect(report.requests).toBeGreaterThan(0);
  });

  it('compares two operators in turns', async () => {
    const other = await new FakeOperator().start();
    try {
      const code = await bench(
        `compare --url ${operator.url} --url ${other.url} --scenario token-generate --duration 0.3 --warmup 0 --connections 1 --rounds 2`,
        { UID2_API_KEY_2: other.apiKey, UID2_CLIENT_SECRET_2: toBase64(other.secretBytes) },
      );
      expect(code).toBe(0);
      const comparison = JSON.parse(printed.join('')) as { runs: unknown[]; operators: { url: string }[] };
      expect(comparison.runs).toHaveLength(2);
      expect(comparison.operators.map(({ url }) => url)).toEqual([operator.url, other.url]);
    } finally {
      await other.stop();
    }
  });

  it('counts replies that are not 200 by their status, apart from good ones', async () => {
    operator.intercept = (_path, count) => (count > 2 && count % 2 === 0 ? { status: 503, text: 'busy' } : undefined);
    const report = await measure('token-generate');
    expect(Object.keys(report.errors)).toEqual(['503']);
    expect(report.requests).toBeGreaterThan(0);
  });

  it('does not count a 200 that is another outcome than the verified one', async () => {
    let replies = 0;
    operator.reply = () => {
      replies += 1;
      const body = { advertising_token: 'a'.repeat(218), refresh_token: 'r'.repeat(388), refresh_response_key: 'k' };
      return replies > 2 && replies % 2 === 0 ? { status: 'optout' } : success(body);
    };
    const report = await measure('token-generate');
    expect(Object.keys(report.errors)).toEqual(['short-reply']);
  });

  it.each([
    ['a wrong API key', { UID2_API_KEY: 'other' }, 'answered 401 ({"status":"unauthorized"})'],
    ['no operator at all', {}, 'cannot be reached'],
  ])('ends with 1 and one line for %s', async (what, env, saying) => {
    const url = what === 'no operator at all' ? 'http://127.0.0.1:1' : operator.url;
    expect(await bench(`operator --url ${url} --scenario token-generate --timeout 5`, env)).toBe(1);
    expect(printed).toEqual([]);
    expect(said.at(-1)).toContain(saying);
  });

  it.each([
    ['token-generate', () => ({ status: 'optout' }), 'the reply says "optout", not success'],
    ['token-generate', () => success({}), 'the reply has no advertising_token'],
    ['identity-map', () => success({ email: [] }), 'the reply has 0 entries for 3 identities'],
    ['identity-map', () => success({ email: [1, 2, 3].map(() => ({ e: 'invalid identifier' })) }), 'was not mapped'],
    ['identity-map-v2', () => success({ mapped: [] }), 'the reply has 0 entries for 3 identities'],
  ])('refuses to measure %s when the first reply is %s', async (scenario, reply, saying) => {
    operator.reply = reply;
    expect(await bench(`operator --url ${operator.url} --scenario ${scenario} --batch 3`)).toBe(1);
    expect(said.at(-1)).toContain(saying);
  });

  it('refuses to measure when the first reply cannot be decrypted', async () => {
    operator.intercept = () => ({ status: 200, text: Buffer.alloc(100).toString('base64') });
    expect(await bench(`operator --url ${operator.url} --scenario token-generate`)).toBe(1);
    expect(said.at(-1)).toContain('cannot be decrypted');
  });

  it('ends with 64 and one sentence for wrong usage', async () => {
    expect(await bench('operator --nonsense')).toBe(64);
    expect([said, printed]).toEqual([["bench: Unknown option '--nonsense'."], []]);
  });

  it('prints its usage when asked', async () => {
    expect(await bench('--help')).toBe(0);
    expect(printed.join('')).toContain('--scenario NAME');
  });
});
