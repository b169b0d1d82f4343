import type { Worker } from 'node:worker_threads';

import { DependencyError, errorMessage, InternalError } from '@holdfast/base';
import type { ListenAddress } from '@holdfast/http/serving';

import type { OperatorContext, OperatorSettings } from '../context.ts';
import { startYoungGenerationsLarge } from '../heap-growth.ts';
import type { GateState } from '../lifecycle/service-gate.ts';
import { startThread } from '../threads/start-thread.ts';
import type { UsageStatistics } from '../usage-statistics.ts';
import { Questions } from './questions.ts';
import { errorOf, plainError } from './serving-messages.ts';
import type {
  MessageFromThread,
  MessageToThread,
  Outcome,
  PlainMetric,
  ServingThreadData,
} from './serving-messages.ts';
import type { WorldChanges, WorldSource } from './world-parts.ts';

export interface ServingThreadsOptions {
  readonly count: number;
  readonly settings: OperatorSettings;
  /** Called when a thread ends that nobody told to: the whole process has to. */
  readonly onLost: (error: InternalError) => void;
  /** The program of the threads, for tests. */
  readonly program?: URL;
}

/** What the lifecycle lends to the threads once it has everything. */
export interface ServedOperator {
  readonly context: OperatorContext;
  readonly world: WorldSource;
  readonly gateState: () => GateState;
}

interface Member {
  readonly worker: Worker;
  /** Settled when the thread has its heap, or has ended without. */
  readonly begun: PromiseWithResolvers<void>;
  readonly listening: PromiseWithResolvers<string>;
  readonly ended: PromiseWithResolvers<void>;
  /** Whether it has finished after it was told to stop. */
  stopped: boolean;
}

const METRICS_DEADLINE_MS = 5_000;

/**
 * Serves the API on several threads, each with a listener of its own on the one port, among which the kernel spreads
 * connections. This thread keeps the lifecycle: it tells the others of every change of the world, answers what they ask, and
 * sums their metrics. A thread that ends by itself takes the process with it, as a crash of the only thread would.
 */
export class ServingThreads {
  readonly #options: ServingThreadsOptions;
  /** Of each thread, in memory that all share. */
  readonly #connections: Int32Array;
  readonly #members: readonly Member[];
  readonly #scrapes = new Questions();
  #served: ServedOperator | undefined;
  #changes: WorldChanges | undefined;
  #usage: UsageStatistics | undefined;
  #stopping = false;

  /**
   * Starts the threads at once: they load their program while the operator loads its own and attests. What only an open port needs is
   * loaded when it is opened, so that nothing comes before them.
   */
  constructor(options: ServingThreadsOptions) {
    this.#options = options;
    this.#connections = new Int32Array(new SharedArrayBuffer(options.count * Int32Array.BYTES_PER_ELEMENT));
    const endLargeStarts = startYoungGenerationsLarge();
    this.#members = Array.from({ length: options.count }, (_, index) => this.#start(index));
    void Promise.all(this.#members.map(({ begun }) => begun.promise)).then(endLargeStarts);
  }

  /**
   * Opens the port and answers its URL.
   * @throws DependencyError LISTEN_FAILED
   */
  async open(address: ListenAddress, served: ServedOperator): Promise<string> {
    const [{ claimPort }, { createUsageStatistics }, { WorldChanges: Changes }] = await Promise.all([
      import('@holdfast/http/serving'),
      import('../usage-statistics.ts'),
      import('./world-parts.ts'),
    ]);
    this.#served = served;
    this.#changes = new Changes(served.world);
    this.#usage = createUsageStatistics(served.context);
    this.changed();
    // Listeners that share a port would share it with another operator too, so it has to be free first.
    await claimPort(address);
    const [first, ...others] = this.#members;
    if (first === undefined) throw new InternalError('SERVING_THREAD_LOST', 'there is no serving thread');
    const url = await this.#listen(first, address);
    const { host } = address;
    await Promise.all(others.map((member) => this.#listen(member, { host, port: Number(new URL(url).port) })));
    return url;
  }

  /** Tells the threads what has changed: parts of the world, or whether they may serve. */
  changed(): void {
    if (this.#served === undefined || this.#stopping) return;
    const parts = this.#changes?.take();
    if (parts !== undefined) this.#postToAll({ kind: 'world', parts });
    this.#postToAll({ kind: 'gate', state: this.#served.gateState() });
  }

  /**
   * The metrics of all threads, summed, in Prometheus text.
   * @throws DependencyError THREAD_SILENT
   */
  async metrics(): Promise<string> {
    if (this.#served === undefined || this.#stopping) return '';
    const all = await Promise.all(
      this.#members.map((member) =>
        this.#scrapes.ask<PlainMetric[]>((id) => post(member, { kind: 'metrics', id }), METRICS_DEADLINE_MS),
      ),
    );
    const { AggregatorRegistry } = await import('prom-client');
    return AggregatorRegistry.aggregate(all).metrics();
  }

  /** Closes all listeners, finishes the requests under way, ends the threads. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#postToAll({ kind: 'stop' });
    await Promise.all(this.#members.map(({ ended }) => ended.promise));
  }

  #start(index: number): Member {
    const { settings, program = PROGRAM } = this.#options;
    const worker = startThread<ServingThreadData, MessageFromThread>({
      program,
      name: `serving-${index + 1}`,
      data: { index, settings, connections: this.#connections },
      onMessage: (message) => this.#onMessage(member, message),
      onExit: (cause) => this.#onExit(member, cause),
    });
    const member: Member = {
      worker,
      begun: Promise.withResolvers(),
      listening: Promise.withResolvers(),
      ended: Promise.withResolvers(),
      stopped: false,
    };
    worker.once('online', member.begun.resolve);
    member.listening.promise.catch(() => undefined); // nobody waits for it when the operator stops early
    return member;
  }

  async #listen(member: Member, { host, port }: ListenAddress): Promise<string> {
    post(member, { kind: 'listen', host, port });
    return member.listening.promise;
  }

  #onMessage(member: Member, message: MessageFromThread): void {
    switch (message.kind) {
      case 'listening':
        member.listening.resolve(message.url);
        return;
      case 'not-listening':
        member.listening.reject(errorOf(message.error));
        return;
      case 'metrics':
        this.#scrapes.answer(message.id, { value: message.metrics });
        return;
      case 'stopped':
        member.stopped = true;
        return;
      default:
        if (this.#served !== undefined) this.#onRequest(member, message, this.#served.context);
    }
  }

  #onRequest(
    member: Member,
    message: Extract<MessageFromThread, { kind: 'question' | 'opt-out' | 'log' | 'usage' | 'salts' }>,
    context: OperatorContext,
  ): void {
    switch (message.kind) {
      case 'question':
        void answer(member, message.id, () => (message.about === 'health' ? context.health() : context.status()));
        return;
      case 'opt-out':
        void answer(member, message.id, () => context.optOutWriter.write(message.write));
        return;
      case 'log':
        if (message.fields === undefined) context.logger[message.level](message.message);
        else context.logger[message.level](message.fields, message.message);
        return;
      case 'usage':
        for (const { usage, count } of message.usages) this.#usage?.record(usage, context.clock(), count);
        return;
      case 'salts':
        context.onSaltSelection(message.expired);
        return;
      default:
        message satisfies never;
    }
  }

  #onExit(member: Member, cause: unknown): void {
    member.begun.resolve();
    member.ended.resolve();
    if (this.#stopping) return;
    const error = new InternalError('SERVING_THREAD_LOST', `a serving thread ended: ${errorMessage(cause)}`, {
      cause,
      action:
        'Look for the reason in the log; the supervisor restarts the operator. Give it more memory if it ran out.',
    });
    member.listening.reject(error);
    this.#scrapes.fail(new DependencyError('THREAD_SILENT', error.message, { retryable: true }));
    this.#options.onLost(error);
  }

  #postToAll(message: MessageToThread): void {
    for (const member of this.#members) post(member, message);
  }
}

const PROGRAM = new URL('serve.ts', import.meta.url);

function post(member: Member, message: MessageToThread): void {
  member.worker.postMessage(message, []);
}

async function answer(member: Member, id: number, work: () => unknown): Promise<void> {
  let outcome: Outcome;
  try {
    outcome = { value: await work() };
  } catch (error) {
    outcome = { error: plainError(error) };
  }
  post(member, { kind: 'answer', id, outcome });
}
