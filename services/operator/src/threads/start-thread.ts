import { Worker } from 'node:worker_threads';

import { compiledSourcesFolder } from './compile-cache.ts';
import type { CompiledSources } from './compile-cache.ts';

export interface ThreadStart<Data extends object, Message> {
  readonly program: URL;
  /** For debuggers and system tools. */
  readonly name: string;
  /** What the program finds in its `workerData`, beside `CompiledSources`. */
  readonly data: Data;
  readonly onMessage: (message: Message) => void;
  /** Called once, when the thread has ended for whatever reason: what it threw, or an error that names its exit code. */
  readonly onExit: (cause: unknown) => void;
}

/** Starts a thread of the operator. */
export function startThread<Data extends object, Message>(start: ThreadStart<Data, Message>): Worker {
  const { program, name, data, onMessage, onExit } = start;
  const workerData: Data & CompiledSources = { ...data, compiledSources: compiledSourcesFolder() };
  const worker = new Worker(program, { workerData, name });
  worker.on('message', onMessage);
  let cause: unknown;
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('exit', (code) => onExit(cause ?? new Error(`exit code ${code}`)));
  return worker;
}
