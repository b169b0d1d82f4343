import module from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';

export interface ThreadStart<Data extends object, Message> {
  readonly program: URL;
  /** For debuggers and system tools. */
  readonly name: string;
  /** What the program finds in its `workerData`, beside what `thread-entry.mjs` needs. */
  readonly data: Data;
  readonly onMessage: (message: Message) => void;
  /** Called once, when the thread has ended for whatever reason: what it threw, or an error that names its exit code. */
  readonly onExit: (cause: unknown) => void;
}

const ENTRY = new URL('thread-entry.mjs', import.meta.url);

/** Starts a thread of the operator. */
export function startThread<Data extends object, Message>(start: ThreadStart<Data, Message>): Worker {
  const { program, name, data, onMessage, onExit } = start;
  const workerData = { ...data, program: program.href, compiledSources: compiledSourcesFolder() };
  const worker = new Worker(ENTRY, { workerData, name });
  worker.on('message', onMessage);
  let cause: unknown;
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('exit', (code) => onExit(cause ?? new Error(`exit code ${code}`)));
  return worker;
}

/**
 * The folder in which this thread keeps compiled sources; undefined when it keeps none. Threads do not inherit it, and start in half
 * the time with it.
 */
function compiledSourcesFolder(): string | undefined {
  const versioned = module.getCompileCacheDir?.();
  return versioned === undefined ? undefined : dirname(versioned);
}
