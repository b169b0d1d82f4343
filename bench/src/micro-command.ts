import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { DependencyError, errorMessage } from '@holdfast/base';

import type { MicroBenchmark } from './arguments.ts';
import type { Say } from './run-load.ts';

const run = promisify(execFile);
/** Far above what the slowest one needs on a busy machine. */
const DEADLINE_MS = 600_000;

/**
 * Runs the named files of bench/micro one after the other, each in a process of its own so that none warms up or slows down
 * another, and answers what they printed.
 * @throws DependencyError BENCH_PROCESS_FAILED
 */
export async function runMicro(benchmarks: readonly MicroBenchmark[], rounds: number, say: Say): Promise<unknown[]> {
  const reports: unknown[] = [];
  for (const name of benchmarks) {
    say(`micro ${name}: ${rounds} rounds`);
    const file = fileURLToPath(new URL(`../micro/${name}.ts`, import.meta.url));
    try {
      const { stdout } = await run(process.execPath, [file, String(rounds)], { timeout: DEADLINE_MS });
      reports.push(JSON.parse(stdout));
    } catch (cause) {
      throw new DependencyError('BENCH_PROCESS_FAILED', `micro ${name} failed: ${errorMessage(cause)}`, {
        retryable: false,
        cause,
        action: `Run node bench/micro/${name}.ts by itself.`,
      });
    }
  }
  return reports;
}
