import { describe, expect, it } from 'vitest';

import {
  countPending,
  countPublished,
  exceedsTrafficLimit,
  isDenied,
  parseDenyRules,
  parseTrafficLimit,
  trafficWindowStart,
} from '../../src/index.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

const MALFORMED = expect.objectContaining({ code: 'SEED_FILE_MALFORMED' });

const rules = (...denylist: unknown[]): string => JSON.stringify({ denylist_requests: denylist });

describe('the deny-list', () => {
  it('covers the listed addresses at both ends of a range and between, and nothing else', () => {
    const parsed = parseDenyRules(rules({ range: [100, 200], IPs: ['192.0.2.1', '2001:db8::1'] }));
    const denied = [99, 100, 150, 200, 201].map((time) => isDenied(parsed, '192.0.2.1', time));
    expect(denied).toEqual([false, true, true, true, false]);
    expect(isDenied(parsed, '2001:db8::1', 150)).toBe(true);
    expect(isDenied(parsed, '192.0.2.2', 150)).toBe(false);
    expect(isDenied(parsed, undefined, 150)).toBe(false);
  });

  it('may be empty, but not missing or another thing', () => {
    expect(parseDenyRules(rules())).toEqual([]);
    for (const text of ['', '[]', '{}', '{"denylist_requests":{}}', rules(1), rules({ range: [1], IPs: ['a'] })]) {
      expect(() => parseDenyRules(text)).toThrow(MALFORMED);
    }
  });

  it.skipIf(!hasVectors)('optout-deny-rules', () => {
    const { cases } = coreVector<{ cases: readonly { rules: readonly unknown[]; valid: boolean }[] }>(
      'optout-deny-rules',
    );
    for (const { rules: listed, valid } of cases) {
      if (valid) expect(parseDenyRules(rules(...listed))).toHaveLength(1);
      else expect(() => parseDenyRules(rules(...listed))).toThrow(MALFORMED);
    }
    expect(cases.length).toBeGreaterThan(0);
  });
});

const limit = (allowlist: unknown = [], changes: object = {}): string =>
  JSON.stringify({
    traffic_calc_evaluation_window_seconds: 100,
    traffic_calc_baseline_traffic: 5,
    traffic_calc_threshold_multiplier: 2,
    traffic_calc_allowlist_ranges: allowlist,
    ...changes,
  });

describe('the traffic limit', () => {
  it('is reached by as many opt-outs as it names', () => {
    const parsed = parseTrafficLimit(limit());
    expect([9, 10, 11].map((count) => exceedsTrafficLimit(parsed, count))).toEqual([false, true, true]);
  });

  it('needs every setting, and ranges that are apart and no longer than a day', () => {
    for (const name of Object.keys(JSON.parse(limit()) as object)) {
      expect(() => parseTrafficLimit(limit([], { [name]: undefined }))).toThrow(MALFORMED);
    }
    for (const name of ['traffic_calc_baseline_traffic', 'traffic_calc_threshold_multiplier']) {
      expect(() => parseTrafficLimit(limit([], { [name]: 0 }))).toThrow(MALFORMED);
    }
    const refused = [
      [1],
      [[2, 1]],
      [[1, 1]],
      [[1, 86_402]],
      [
        [1, 5],
        [5, 9],
      ],
      [[1, 2, 3]],
      ['x'],
      {},
    ];
    for (const ranges of refused) expect(() => parseTrafficLimit(limit(ranges))).toThrow(MALFORMED);
    expect(
      parseTrafficLimit(
        limit([
          [20, 30],
          [1, 10],
        ]),
      ).allowlist,
    ).toEqual([
      { start: 1, end: 10 },
      { start: 20, end: 30 },
    ]);
  });

  it('looks back further by the allowed time inside its window, also by what that brings in', () => {
    expect(trafficWindowStart(parseTrafficLimit(limit()), 1000)).toBe(900);
    expect(trafficWindowStart(parseTrafficLimit(limit([[950, 970]])), 1000)).toBe(880);
    // The first range makes the window reach into the second one.
    expect(
      trafficWindowStart(
        parseTrafficLimit(
          limit([
            [870, 890],
            [950, 970],
          ]),
        ),
        1000,
      ),
    ).toBe(860);
    expect(trafficWindowStart(parseTrafficLimit(limit([[100, 200]])), 1000)).toBe(900);
  });

  it('counts a file up to its first entry before the window, without allowed times', () => {
    const parsed = parseTrafficLimit(limit([[950, 960]]));
    expect(countPublished(parsed, [990, 955, 950, 961, 899, 995], 900)).toEqual({ count: 2, isLast: false });
    expect(countPublished(parsed, [899, 990], 900)).toEqual({ count: 0, isLast: true });
    expect(countPublished(parsed, [], 900)).toEqual({ count: 0, isLast: true });
  });

  it('counts what waits within five minutes of the oldest', () => {
    expect(countPending(parseTrafficLimit(limit([[1000, 1001]])), [1000, 1002, 1300, 1301])).toBe(2);
    expect(countPending(parseTrafficLimit(limit()), [])).toBe(0);
  });
});
