import { Histogram } from './histogram.ts';
import type { LoadPlan, LoadResult } from './load-plan.ts';
import type { Machine } from './machine.ts';
import type { ServerUsage } from './server-usage.ts';

/** What a run says on stdout. Latencies in milliseconds, over good replies only. */
export interface LoadReport {
  readonly scenario: string;
  readonly url: string;
  /** Length of the measured window in seconds. */
  readonly duration: number;
  /** Good replies: status 200, of the expected size, and decrypted where the scenario reads them. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Identities per second; null where there are none. */
  readonly entriesPerSecond: number | null;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Everything else, by HTTP status or `timeout`, `connection`, `short-reply`, `invalid-reply`. */
  readonly errors: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly processes: number;
  readonly batch: number | null;
  readonly kind: string | null;
  readonly binary: boolean;
  /** Requests per second that were asked for; null when every reply was followed by the next request. */
  readonly rate: number | null;
  readonly warmup: number;
  /** Processor time of the busiest process of the load generator, in percent of one core. */
  readonly generatorCpuPercent: number;
  /** Processor time of the server's process, user and system, per good reply; null without `--server-pid`. */
  readonly serverCpuMicrosPerRequest: number | null;
  /** Share of one core that the server's process used, in percent. */
  readonly serverCpuPercent: number | null;
  /** Resident memory of the server's process at the end, and at its highest since it started. */
  readonly serverResidentMb: number | null;
  readonly serverPeakResidentMb: number | null;
  readonly machine: Machine;
  /** The load that ran at the same time. */
  readonly beside?: LoadReport;
}

/** From this share of a core on the load generator itself is the limit. */
export const BUSY_GENERATOR_PERCENT = 85;

/** The report of a load from the results of all its processes. */
export function buildReport(
  plan: LoadPlan,
  results: readonly LoadResult[],
  machine: Machine,
  usage?: ServerUsage,
): LoadReport {
  const latencies = new Histogram();
  const errors: Record<string, number> = {};
  let requests = 0;
  let entries = 0;
  for (const result of results) {
    latencies.add(result.latencies);
    requests += result.requests;
    entries += result.requests * result.entriesPerRequest;
    for (const [outcome, count] of Object.entries(result.errors)) errors[outcome] = (errors[outcome] ?? 0) + count;
  }
  const seconds = plan.durationMs / 1000;
  const hasBatches = plan.scenario === 'identity-map' || plan.scenario === 'identity-map-v2';
  const hasIdentities = plan.scenario !== 'health';
  return {
    scenario: plan.scenario,
    url: plan.target.url,
    duration: seconds,
    requests,
    requestsPerSecond: rounded(requests / seconds, 2),
    entriesPerSecond: hasIdentities ? rounded(entries / seconds, 1) : null,
    p50Ms: rounded(latencies.quantileMs(0.5), 3),
    p90Ms: rounded(latencies.quantileMs(0.9), 3),
    p99Ms: rounded(latencies.quantileMs(0.99), 3),
    maxMs: rounded(latencies.maxMs, 3),
    errors,
    connections: plan.connections,
    processes: plan.processes,
    batch: hasBatches ? plan.batch : null,
    kind: hasIdentities ? plan.kind : null,
    binary: plan.binary,
    rate: plan.ratePerSecond ?? null,
    warmup: plan.warmupMs / 1000,
    generatorCpuPercent: rounded(Math.max(0, ...results.map(({ cpuPercent }) => cpuPercent)), 1),
    ...serverFigures(usage, requests, seconds),
    machine,
  };
}

const BYTES_PER_MB = 1_000_000;

type ServerFigure = 'serverCpuMicrosPerRequest' | 'serverCpuPercent' | 'serverResidentMb' | 'serverPeakResidentMb';

function serverFigures(
  usage: ServerUsage | undefined,
  requests: number,
  seconds: number,
): Pick<LoadReport, ServerFigure> {
  if (usage === undefined) {
    return {
      serverCpuMicrosPerRequest: null,
      serverCpuPercent: null,
      serverResidentMb: null,
      serverPeakResidentMb: null,
    };
  }
  return {
    serverCpuMicrosPerRequest: requests === 0 ? null : rounded(usage.cpuMicros / requests, 1),
    serverCpuPercent: rounded(usage.cpuMicros / seconds / 10_000, 1),
    serverResidentMb: rounded(usage.residentBytes / BYTES_PER_MB, 1),
    serverPeakResidentMb: rounded(usage.peakResidentBytes / BYTES_PER_MB, 1),
  };
}

/** One line for a person. */
export function summarise(report: LoadReport): string {
  const entries = report.batch === null ? '' : `, ${Math.round(report.entriesPerSecond ?? 0)} entries/s`;
  const errors = Object.entries(report.errors).map(([outcome, count]) => `${count} × ${outcome}`);
  const cpu =
    report.serverCpuMicrosPerRequest === null ? '' : `server ${report.serverCpuMicrosPerRequest} µs/request, `;
  return (
    `${report.scenario} ${report.url}: ${report.requestsPerSecond} requests/s${entries}, ${cpu}` +
    `p50 ${report.p50Ms} ms, p99 ${report.p99Ms} ms, ${errors.length === 0 ? 'no errors' : `errors: ${errors.join(', ')}`}`
  );
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
