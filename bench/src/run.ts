import { errorMessage, PlatformError } from '@holdfast/base';

import { parseArguments, USAGE } from './arguments.ts';
import type { Environment, Invocation } from './arguments.ts';
import { compareOperators } from './compare.ts';
import { runMicro } from './micro-command.ts';
import type { LoadReport } from './report.ts';
import { runLoad } from './run-load.ts';

export interface Output {
  /** Data: one JSON document. */
  readonly data: (text: string) => void;
  /** Talk: one line. */
  readonly say: (line: string) => void;
}

/** Exit codes of the whole repository: done, failed, wrong usage. */
const OK = 0;
const FAILED = 1;
const USAGE_ERROR = 64;

/** The program: does what the words say and answers the exit code. A run without a single good reply has failed. */
export async function run(words: readonly string[], env: Environment, output: Output): Promise<number> {
  try {
    return await invoke(parseArguments(words, env), output);
  } catch (error) {
    const isUsage = error instanceof PlatformError && error.code === 'BENCH_USAGE_INVALID';
    const action = error instanceof PlatformError && error.action ? ` ${error.action}` : '';
    output.say(`bench: ${errorMessage(error)}.${action}`.replace(/\.\./, '.'));
    return isUsage ? USAGE_ERROR : FAILED;
  }
}

async function invoke(invocation: Invocation, { data, say }: Output): Promise<number> {
  switch (invocation.command) {
    case 'help':
      data(USAGE);
      return OK;
    case 'operator': {
      const report = await runLoad(invocation.plan, invocation.beside, say);
      data(JSON.stringify(report, null, 2));
      return verdict([report]);
    }
    case 'compare': {
      const comparison = await compareOperators(invocation.plans, invocation.rounds, say);
      data(JSON.stringify(comparison, null, 2));
      return verdict(comparison.runs.flat());
    }
    case 'micro':
      data(JSON.stringify(await runMicro(invocation.benchmarks, invocation.rounds, say), null, 2));
      return OK;
    default:
      return invocation satisfies never;
  }
}

function verdict(reports: readonly LoadReport[]): number {
  return reports.every((report) => report.requests > 0 && (report.beside?.requests ?? 1) > 0) ? OK : FAILED;
}
