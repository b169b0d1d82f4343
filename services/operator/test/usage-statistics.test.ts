import { describe, expect, it } from 'vitest';

import { UsageStatistics } from '../src/usage-statistics.ts';
import type { Usage } from '../src/usage-statistics.ts';
import { SITE, World } from './world.ts';

const MINUTE = 60_000;

const usage = (overrides: Partial<Usage> = {}): Usage => ({
  path: '/v2/token/generate',
  isServed: true,
  referer: undefined,
  contact: 'somebody',
  siteId: 5,
  clientVersion: undefined,
  ...overrides,
});

function statistics(limits: Partial<{ unknownPaths: number; versionsPerSite: number }> = {}) {
  const lines: string[] = [];
  let missed = 0;
  const statistics = new UsageStatistics({
    limits: { unknownPaths: 50, versionsPerSite: 50, ...limits },
    startMs: 0,
    write: (line) => lines.push(line),
    onDomainMissed: () => (missed += 1),
  });
  return { statistics, lines, missed: () => missed };
}

describe('UsageStatistics', () => {
  it('writes one line for every path once a minute, when a request comes', () => {
    const { statistics: usages, lines } = statistics();
    usages.record(usage({ referer: 'https://a.example/page' }), 1);
    usages.record(usage({ referer: 'https://a.example/other', siteId: 6 }), 2);
    usages.record(usage({ referer: 'no url', contact: 'else' }), 3);
    usages.record(usage({ referer: `https://${'a'.repeat(300)}.example`, contact: 'else' }), 3);
    usages.record(usage({ path: '/ops/healthcheck', contact: null, siteId: null }), MINUTE - 1);
    expect(lines).toEqual([]);
    usages.record(usage(), MINUTE);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        endpoint: 'token/generate',
        siteId: 5,
        apiVersion: 'v2',
        domainList: [
          { domain: 'a.example', count: 2, apiContact: 'somebody' },
          { domain: 'unknown', count: 2, apiContact: 'else' },
          { domain: 'unknown', count: 1, apiContact: 'somebody' },
        ],
      },
      {
        endpoint: 'ops/healthcheck',
        siteId: null,
        apiVersion: 'v0',
        domainList: [{ domain: 'unknown', count: 1, apiContact: null }],
      },
    ]);
  });

  it('begins anew after each line', () => {
    const { statistics: usages, lines } = statistics();
    usages.record(usage(), MINUTE);
    usages.record(usage(), MINUTE + 1);
    expect(lines).toHaveLength(1);
    usages.record(usage(), 2 * MINUTE);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('"count":2');
  });

  it('keeps unknown paths of callers with a key only, and only so many', () => {
    const { statistics: usages, lines } = statistics({ unknownPaths: 2 });
    usages.record(usage({ path: '/anonymous', isServed: false, contact: null }), 1);
    for (const path of ['/v2/a', '/b', '/c']) usages.record(usage({ path, isServed: false }), 1);
    usages.record(usage(), MINUTE);
    expect(lines.map((line) => (JSON.parse(line) as { endpoint: string }).endpoint)).toEqual([
      'a',
      'b',
      'token/generate',
    ]);
  });

  it('keeps a thousand domains for a path and counts what it misses', () => {
    const { statistics: usages, lines, missed } = statistics();
    for (let site = 0; site <= 1000; site += 1) usages.record(usage({ referer: `https://s${site}.example` }), 1);
    usages.record(usage({ referer: 'https://s0.example' }), MINUTE);
    expect(missed()).toBe(1);
    expect((JSON.parse(lines[0] ?? '') as { domainList: unknown[] }).domainList).toHaveLength(1000);
  });

  it('writes the client versions of every site, which go on counting', () => {
    const { statistics: usages, lines } = statistics();
    usages.record(usage({ clientVersion: 'web-1' }), 1);
    usages.record(usage({ clientVersion: 'web-2', siteId: 6 }), 1);
    usages.record(usage({ clientVersion: 'web-3', siteId: null }), 1);
    usages.record(usage({ clientVersion: 'web-1' }), MINUTE);
    usages.record(usage(), 2 * MINUTE);
    const versionLines = lines.filter((line) => line.startsWith('version log'));
    expect(versionLines).toEqual([
      'version log; siteId=5 versions={"web-1":2}',
      'version log; siteId=6 versions={"web-2":1}',
      'version log; siteId=5 versions={"web-1":2}',
      'version log; siteId=6 versions={"web-2":1}',
    ]);
  });

  it('folds the three rarest versions when a site has too many', () => {
    const { statistics: usages, lines } = statistics({ versionsPerSite: 4 });
    for (const version of ['a', 'a', 'b', 'c', 'c', 'd', 'e']) usages.record(usage({ clientVersion: version }), 1);
    usages.record(usage(), MINUTE);
    expect(lines[1]).toBe('version log; siteId=5 versions={"c":2,"<Not recorded>":4,"e":1}');
  });
});

describe('usage statistics of an operator', () => {
  it('see every request but preflight ones', async () => {
    const world = new World();
    await world.app.inject({
      method: 'OPTIONS',
      url: '/v2/token/generate',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    });
    const headers = { referer: 'https://page.example/x', 'x-uid2-client-version': 'sdk-1' };
    await world.call('/v2/token/generate', { email: 'a@b.c' }, { headers });
    world.nowMs += MINUTE;
    await world.post('/nowhere', 'x', { client: null });
    const messages = world.logLines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    const line = messages.find((message) => message.startsWith('{"endpoint"'));
    expect(JSON.parse(line ?? '{}')).toEqual({
      endpoint: 'token/generate',
      siteId: SITE,
      apiVersion: 'v2',
      domainList: [{ domain: 'page.example', count: 1, apiContact: 'contact-0' }],
    });
    expect(messages).toContain(`version log; siteId=${SITE} versions={"sdk-1":1}`);
    expect(messages.filter((message) => message.includes('nowhere'))).toEqual([]);
  });
});
