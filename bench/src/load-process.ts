import { errorMessage, PlatformError } from '@holdfast/base';

import type { Answer, Command } from './forked-load.ts';
import { fromMessage } from './load-plan.ts';
import { LocalLoad } from './local-load.ts';

/** The process behind `ForkedLoad`: does what its parent asks, one thing after the other, and ends with it. */
let load: LocalLoad | undefined;

async function obey(command: Command): Promise<Answer> {
  if (command.do === 'prepare') {
    load = new LocalLoad(fromMessage(command.plan));
    return { did: 'prepare', verified: await load.prepare() };
  }
  if (load === undefined) throw new Error('asked to measure before it was prepared');
  return { did: 'measure', result: await load.measure() };
}

function failure(error: unknown): Answer {
  const { family, code, action } =
    error instanceof PlatformError ? error : { family: 'dependency', code: 'BENCH_PROCESS_FAILED', action: undefined };
  return { did: 'fail', family, code, message: errorMessage(error), action: action ?? '' };
}

process.on('message', (command: Command) => {
  void obey(command)
    .catch(failure)
    .then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit(0));
