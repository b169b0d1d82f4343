import type { LoadPlan } from './load-plan.ts';
import type { Machine } from './machine.ts';
import { rounded } from './report.ts';
import type { LoadReport } from './report.ts';
import { runLoad } from './run-load.ts';
import type { Say } from './run-load.ts';
import { median } from './statistics.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface ComparedOperator {
  readonly url: string;
  readonly requestsPerSecond: Spread;
  readonly entriesPerSecond: Spread | null;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Processor time of the server per request; null without `--server-pid`. */
  readonly serverCpuMicrosPerRequest: Spread | null;
  readonly serverPeakResidentMb: number | null;
  readonly generatorCpuPercent: number;
  readonly errors: number;
}

/** Two operators under the same load, in turns. */
export interface Comparison {
  readonly scenario: string;
  readonly rounds: number;
  readonly operators: readonly [ComparedOperator, ComparedOperator];
  /** Second operator divided by first, the median over rounds: above 1 the second has more requests, or longer latencies. */
  readonly secondToFirst: {
    readonly requestsPerSecond: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    /** Null unless both servers' processes are known. */
    readonly serverCpuMicrosPerRequest: number | null;
  };
  readonly machine: Machine;
  readonly runs: readonly (readonly [LoadReport, LoadReport])[];
}

/**
 * Measures two operators in turns, the one that goes first changing from round to round, so that whatever else the machine
 * does falls on both.
 * @throws what `runLoad` throws
 */
export async function compareOperators(
  plans: readonly [LoadPlan, LoadPlan],
  rounds: number,
  say: Say,
): Promise<Comparison> {
  const runs: (readonly [LoadReport, LoadReport])[] = [];
  for (let round = 0; round < rounds; round += 1) {
    say(`round ${round + 1} of ${rounds}`);
    const [first, second] = plans;
    if (round % 2 === 0) {
      const a = await runLoad(first, undefined, say);
      runs.push([a, await runLoad(second, undefined, say)]);
    } else {
      const b = await runLoad(second, undefined, say);
      runs.push([await runLoad(first, undefined, say), b]);
    }
  }
  return summariseRounds(runs);
}

/** At least one round. */
export function summariseRounds(runs: readonly (readonly [LoadReport, LoadReport])[]): Comparison {
  const [first, second] = [runs.map(([a]) => a), runs.map(([, b]) => b)];
  const [sample] = first;
  if (sample === undefined) throw new RangeError('a comparison needs at least one round');
  return {
    scenario: sample.scenario,
    rounds: runs.length,
    operators: [comparedOperator(first), comparedOperator(second)],
    secondToFirst: {
      requestsPerSecond: ratio(runs, (report) => report.requestsPerSecond),
      p50Ms: ratio(runs, (report) => report.p50Ms),
      p99Ms: ratio(runs, (report) => report.p99Ms),
      serverCpuMicrosPerRequest: runs.some((pair) => pair.some((report) => report.serverCpuMicrosPerRequest === null))
        ? null
        : ratio(runs, (report) => report.serverCpuMicrosPerRequest ?? Number.NaN),
    },
    machine: sample.machine,
    runs,
  };
}

function comparedOperator(reports: readonly LoadReport[]): ComparedOperator {
  const entries = reports.map((report) => report.entriesPerSecond).filter((value) => value !== null);
  return {
    url: reports[0]?.url ?? '',
    requestsPerSecond: spread(reports.map((report) => report.requestsPerSecond)),
    entriesPerSecond: entries.length === 0 ? null : spread(entries),
    p50Ms: spread(reports.map((report) => report.p50Ms)),
    p99Ms: spread(reports.map((report) => report.p99Ms)),
    serverCpuMicrosPerRequest: spreadOfKnown(reports.map((report) => report.serverCpuMicrosPerRequest)),
    serverPeakResidentMb: reports.at(-1)?.serverPeakResidentMb ?? null,
    generatorCpuPercent: Math.max(...reports.map((report) => report.generatorCpuPercent)),
    errors: reports.flatMap((report) => Object.values(report.errors)).reduce((total, count) => total + count, 0),
  };
}

function spreadOfKnown(values: readonly (number | null)[]): Spread | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : spread(known);
}

function spread(values: readonly number[]): Spread {
  return { median: rounded(median(values), 3), min: Math.min(...values), max: Math.max(...values) };
}

/** Ratios are taken inside a round, where both operators met the same machine, and only then the median. */
function ratio(runs: readonly (readonly [LoadReport, LoadReport])[], of: (report: LoadReport) => number): number {
  return rounded(median(runs.map(([a, b]) => of(b) / of(a))), 3);
}
