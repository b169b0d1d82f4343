import { describeMachine } from '../src/machine.ts';
import { rounded } from '../src/report.ts';
import { median, quantile } from '../src/statistics.ts';

/** One operation to be timed. */
export interface Operation {
  readonly name: string;
  /** Items one call works on, for instance e-mail addresses or salt entries; 1 when the call itself is the item. */
  readonly items: number;
  /** Does the work once. What it returns is kept, so that the work cannot be optimised away. */
  readonly run: () => unknown;
}

export interface MicroResult {
  readonly name: string;
  readonly items: number;
  /** Microseconds per call: the median over rounds, the fastest and the slowest round. */
  readonly medianUs: number;
  readonly minUs: number;
  readonly maxUs: number;
  /** Distance between the quartiles in percent of the median: above 10 the machine was too busy to believe the number. */
  readonly spreadPercent: number;
  readonly itemsPerSecond: number;
  readonly rounds: number;
  readonly callsPerRound: number;
}

/** How long a round should last: long enough for the clock and for garbage to be collected in it. */
const ROUND_MS = 200;
const WARMUP_ROUNDS = 3;
const DEFAULT_ROUNDS = 15;

/** Where results go: a store that the optimiser cannot prove useless. */
export const sink: { last: unknown } = { last: undefined };

/** The number of rounds from the command line of a file in this folder. */
export function roundsFromArguments(): number {
  return Number(process.argv[2] ?? DEFAULT_ROUNDS);
}

/** Times the operations in turns, round by round, on one core, and prints one JSON document. */
export function measureAndPrint(benchmark: string, operations: readonly Operation[], rounds: number): void {
  const timings = operations.map((operation) => ({
    operation,
    calls: callsPerRound(operation),
    times: [] as number[],
  }));
  for (let round = -WARMUP_ROUNDS; round < rounds; round += 1) {
    for (const { operation, calls, times } of timings) {
      const microseconds = timeRound(operation, calls);
      if (round >= 0) times.push(microseconds);
    }
  }
  const results = timings.map(({ operation, calls, times }) => summariseTimes(operation, calls, times));
  process.stdout.write(`${JSON.stringify({ benchmark, results, machine: describeMachine() }, null, 2)}\n`);
}

/** The result of one operation from its microseconds per call in each round. */
export function summariseTimes(
  operation: Pick<Operation, 'name' | 'items'>,
  callsPerRound: number,
  times: readonly number[],
): MicroResult {
  const middle = median(times);
  return {
    name: operation.name,
    items: operation.items,
    medianUs: rounded(middle, 2),
    minUs: rounded(Math.min(...times), 2),
    maxUs: rounded(Math.max(...times), 2),
    spreadPercent: rounded((100 * (quantile(times, 0.75) - quantile(times, 0.25))) / middle, 1),
    itemsPerSecond: Math.round((operation.items * 1e6) / middle),
    rounds: times.length,
    callsPerRound,
  };
}

function callsPerRound(operation: Operation): number {
  timeRound(operation, 1);
  let calls = 1;
  let microseconds = timeRound(operation, calls);
  while (calls * microseconds < 20_000) {
    calls *= 4;
    microseconds = timeRound(operation, calls);
  }
  return Math.max(1, Math.round((ROUND_MS * 1000) / microseconds));
}

/** Microseconds per call. */
function timeRound({ run }: Operation, calls: number): number {
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) sink.last = run();
  return ((performance.now() - start) * 1000) / calls;
}
