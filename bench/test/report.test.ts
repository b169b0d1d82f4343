import { describe, expect, it } from 'vitest';

import { summariseTimes } from '../micro/measure.ts';
import { summariseRounds } from '../src/compare.ts';
import { Histogram } from '../src/histogram.ts';
import type { LoadPlan, LoadResult } from '../src/load-plan.ts';
import { buildReport, summarise } from '../src/report.ts';
import { splitPlan } from '../src/run-load.ts';

const MACHINE = { cpu: 'a processor', cores: 2, node: 'v24.0.0' };
const PLAN: LoadPlan = {
  target: { url: 'http://127.0.0.1:8080', credentials: undefined },
  scenario: 'identity-map',
  kind: 'email',
  batch: 500,
  binary: true,
  connections: 7,
  processes: 3,
  durationMs: 4_000,
  warmupMs: 1_000,
  timeoutMs: 30_000,
  ratePerSecond: 70,
};

function result(latenciesMs: readonly number[], errors: Record<string, number> = {}, cpuPercent = 10): LoadResult {
  const histogram = new Histogram();
  for (const latency of latenciesMs) histogram.record(latency);
  return {
    requests: latenciesMs.length,
    entriesPerRequest: 500,
    errors,
    latencies: histogram.data(),
    cpuPercent,
  };
}

describe('buildReport', () => {
  it('divides the processor time of the server by the good replies', () => {
    const usage = { cpuMicros: 900, residentBytes: 5_000_000, peakResidentBytes: 7_500_000 };
    expect(buildReport(PLAN, [result([1, 1, 1], { '503': 4 })], MACHINE, usage)).toMatchObject({
      serverCpuMicrosPerRequest: 300,
      serverResidentMb: 5,
      serverPeakResidentMb: 7.5,
    });
    expect(buildReport(PLAN, [result([])], MACHINE, usage).serverCpuMicrosPerRequest).toBeNull();
  });

  it('adds up the processes of a load and divides by the length of the window', () => {
    const report = buildReport(
      PLAN,
      [result([0.1, 0.2], { '503': 1 }, 20), result([0.25, 5], { '503': 2, timeout: 1 }, 30)],
      MACHINE,
    );
    expect(report).toEqual({
      scenario: 'identity-map',
      url: 'http://127.0.0.1:8080',
      duration: 4,
      requests: 4,
      requestsPerSecond: 1,
      entriesPerSecond: 500,
      p50Ms: 0.2,
      p90Ms: 5,
      p99Ms: 5,
      maxMs: 5,
      errors: { '503': 3, timeout: 1 },
      connections: 7,
      processes: 3,
      batch: 500,
      kind: 'email',
      binary: true,
      rate: 70,
      serverCpuMicrosPerRequest: null,
      serverCpuPercent: null,
      serverResidentMb: null,
      serverPeakResidentMb: null,
      warmup: 1,
      generatorCpuPercent: 30,
      machine: MACHINE,
    });
  });

  it('leaves out what a health check does not have', () => {
    const report = buildReport({ ...PLAN, scenario: 'health' }, [{ ...result([1]), entriesPerRequest: 0 }], MACHINE);
    expect([report.entriesPerSecond, report.batch, report.kind]).toEqual([null, null, null]);
  });

  it('is sound when nothing came back', () => {
    const report = buildReport(PLAN, [result([], { connection: 9 })], MACHINE);
    expect([report.requests, report.requestsPerSecond, report.p99Ms, report.maxMs]).toEqual([0, 0, 0, 0]);
    expect(summarise(report)).toContain('errors: 9 × connection');
  });
});

describe('splitPlan', () => {
  it('gives every process its share of connections and of the rate', () => {
    const parts = splitPlan(PLAN);
    expect(parts.map(({ connections }) => connections)).toEqual([2, 2, 3]);
    expect(parts.map(({ ratePerSecond }) => ratePerSecond)).toEqual([20, 20, 30]);
  });
});

describe('summariseRounds', () => {
  it('takes medians per operator, and ratios inside each round before their median', () => {
    const report = (requestsPerSecond: number, p99Ms: number) => ({
      ...buildReport(PLAN, [result([1])], MACHINE),
      requestsPerSecond,
      p99Ms,
    });
    // The machine was twice as fast in the last round: the ratio does not see it.
    const comparison = summariseRounds([
      [report(100, 10), report(150, 5)],
      [report(110, 10), report(165, 5)],
      [report(200, 5), report(300, 2.5)],
    ]);
    expect(comparison.operators.map((operator) => operator.requestsPerSecond)).toEqual([
      { median: 110, min: 100, max: 200 },
      { median: 165, min: 150, max: 300 },
    ]);
    expect(comparison.secondToFirst).toMatchObject({ requestsPerSecond: 1.5, p99Ms: 0.5 });
  });
});

describe('summariseTimes', () => {
  it('gives the median, the extremes and the distance of the quartiles', () => {
    const summary = summariseTimes({ name: 'map', items: 10 }, 4, [10, 20, 30, 40, 100]);
    expect(summary).toEqual({
      name: 'map',
      items: 10,
      medianUs: 30,
      minUs: 10,
      maxUs: 100,
      spreadPercent: 66.7,
      itemsPerSecond: 333_333,
      rounds: 5,
      callsPerRound: 4,
    });
  });
});
