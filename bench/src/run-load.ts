import { setTimeout as delay } from 'node:timers/promises';

import { ForkedLoad } from './forked-load.ts';
import type { Load, LoadPlan, LoadResult } from './load-plan.ts';
import { LocalLoad } from './local-load.ts';
import { describeMachine } from './machine.ts';
import { buildReport, BUSY_GENERATOR_PERCENT, summarise } from './report.ts';
import type { LoadReport } from './report.ts';
import { sampleProcess, usageBetween } from './server-usage.ts';
import type { ServerUsage } from './server-usage.ts';

/** Says something to the person at the terminal, as one line. */
export type Say = (line: string) => void;

/**
 * Runs a load and, when there is a second plan, that one beside it over the same time, in processes of its own so that it does
 * not disturb the first one's clock.
 * @throws RequestError BENCH_OPERATOR_REFUSED, BENCH_SERVER_PID_INVALID
 * @throws DependencyError BENCH_OPERATOR_UNREACHABLE, BENCH_PROCESS_FAILED
 * @throws VerificationError BENCH_REPLY_INVALID
 */
export async function runLoad(plan: LoadPlan, beside: LoadPlan | undefined, say: Say): Promise<LoadReport> {
  const loads = plan.processes === 1 ? [new LocalLoad(plan)] : forkLoads(plan);
  const others = beside === undefined ? [] : forkLoads(beside);
  try {
    const verified = await Promise.all([...loads, ...others].map((load) => load.prepare()));
    say(`${plan.scenario} ${plan.target.url}: ${sum(verified)} connections, first reply of each verified`);
    const [results, otherResults, usage] = await Promise.all([
      measureAll(loads),
      measureAll(others),
      watchServer(plan),
    ]);
    const machine = describeMachine();
    const report = buildReport(plan, results, machine, usage);
    tell(report, say);
    if (beside === undefined) return report;
    const otherReport = buildReport(beside, otherResults, machine);
    tell(otherReport, say);
    // The server worked for both.
    return { ...report, serverCpuMicrosPerRequest: null, beside: otherReport };
  } finally {
    await Promise.all([...loads, ...others].map((load) => load.stop()));
  }
}

/** Shares a plan's connections, and its rate, among its processes. */
export function splitPlan(plan: LoadPlan): readonly LoadPlan[] {
  return Array.from({ length: plan.processes }, (_, index) => {
    const connections = Math.floor((plan.connections + index) / plan.processes);
    const ratePerSecond =
      plan.ratePerSecond === undefined ? undefined : (plan.ratePerSecond * connections) / plan.connections;
    return { ...plan, processes: 1, connections, ratePerSecond };
  });
}

function forkLoads(plan: LoadPlan): readonly Load[] {
  return splitPlan(plan).map((part) => new ForkedLoad(part));
}

async function measureAll(loads: readonly Load[]): Promise<LoadResult[]> {
  return Promise.all(loads.map((load) => load.measure()));
}

/** What the server's process used in the measured window; undefined when nobody said which process it is. */
async function watchServer({ target, warmupMs, durationMs }: LoadPlan): Promise<ServerUsage | undefined> {
  if (target.serverPid === undefined) return undefined;
  await delay(warmupMs);
  const before = await sampleProcess(target.serverPid);
  await delay(durationMs);
  return usageBetween(before, await sampleProcess(target.serverPid));
}

function tell(report: LoadReport, say: Say): void {
  say(summarise(report));
  if (report.generatorCpuPercent < BUSY_GENERATOR_PERCENT) return;
  say(
    `the load generator used ${report.generatorCpuPercent} % of a core, so it may be the limit: raise --processes, or give it cores of its own`,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
