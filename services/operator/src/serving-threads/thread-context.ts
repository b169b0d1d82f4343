import type { Clock, RandomBytes } from '@holdfast/base';
import { Counter, Registry } from 'prom-client';

import type {
  OperatorContext,
  OperatorLogger,
  OperatorSettings,
  OperatorStatus,
  OptOutWriter,
  UnhealthyComponent,
} from '../context.ts';
import { serviceGate } from '../lifecycle/service-gate.ts';
import type { GateState } from '../lifecycle/service-gate.ts';
import { Questions } from './questions.ts';
import { errorOf } from './serving-messages.ts';
import type { LogLevel, MessageFromThread, MessageToThread, PlainMetric } from './serving-messages.ts';
import { ThreadStores } from './thread-stores.ts';
import { UsageBuffer } from './usage-buffer.ts';

export interface ThreadContextOptions {
  /** Which of the serving threads it is, from 0. */
  readonly index: number;
  readonly settings: OperatorSettings;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Sends a message to the thread of the lifecycle. */
  readonly post: (message: MessageFromThread) => void;
}

/** Longest wait for the lifecycle when somebody asks after its health. */
const QUESTION_DEADLINE_MS = 5_000;
/** An opt-out has a deadline of its own, which is shorter. */
const OPT_OUT_DEADLINE_MS = 60_000;
/** While salts are expired the lifecycle counts down; it need not hear of every request. */
const EXPIRED_SALTS_EVERY_MS = 1_000;

/**
 * What the API of a serving thread needs. The world and the gate are copies that the lifecycle's thread keeps in step; its
 * health, status and opt-outs are asked of it; log lines and usage go to it.
 */
export class ThreadContext {
  readonly context: OperatorContext;
  readonly #options: ThreadContextOptions;
  readonly #stores = new ThreadStores();
  readonly #questions = new Questions();
  readonly #usage: UsageBuffer;
  readonly #registry = new Registry();
  #gate: GateState = { open: false, optOutSyncedAtMs: undefined, optOutStaleLimitMs: 0 };
  #reportedExpired: boolean | undefined;
  #reportedAtMs = 0;
  #requests = 0;

  constructor(options: ThreadContextOptions) {
    const { settings, clock, random, post } = options;
    this.#options = options;
    this.#usage = new UsageBuffer((usages) => post({ kind: 'usage', usages }));
    this.#registry.setDefaultLabels({ application: 'uid2-operator' });
    this.#countRequests();
    this.context = {
      settings,
      clock,
      random,
      stores: this.#stores,
      optOutWriter: this.#optOutWriter(),
      gate: () => serviceGate(this.#gate, clock()),
      health: () => this.#health(),
      status: () => this.#ask<OperatorStatus>('status'),
      onSaltSelection: (expired) => this.#onSaltSelection(expired),
      onUsage: (usage) => {
        this.#requests += 1;
        this.#usage.add(usage);
      },
      metrics: this.#registry,
      logger: forwardingLogger(post),
    };
  }

  /** Takes a message that is about the context; answers whether it was one. */
  onMessage(message: MessageToThread): boolean {
    switch (message.kind) {
      case 'world':
        this.#stores.apply(message.parts);
        return true;
      case 'gate':
        this.#gate = message.state;
        return true;
      case 'answer': {
        const { id, outcome } = message;
        this.#questions.answer(id, 'error' in outcome ? { error: errorOf(outcome.error) } : outcome);
        return true;
      }
      case 'metrics':
        void this.#sendMetrics(message.id);
        return true;
      default:
        return false;
    }
  }

  /** Sends what has been gathered and not yet sent. */
  flush(): void {
    this.#usage.flush();
  }

  #ask<T>(about: 'health' | 'status'): Promise<T> {
    return this.#questions.ask<T>((id) => this.#options.post({ kind: 'question', id, about }), QUESTION_DEADLINE_MS);
  }

  async #health(): Promise<readonly UnhealthyComponent[]> {
    try {
      return await this.#ask<readonly UnhealthyComponent[]>('health');
    } catch (error) {
      return [{ component: 'operator', reason: (error as Error).message }];
    }
  }

  #optOutWriter(): OptOutWriter {
    return {
      write: (write) =>
        this.#questions.ask((id) => this.#options.post({ kind: 'opt-out', id, write }), OPT_OUT_DEADLINE_MS),
    };
  }

  #onSaltSelection(expired: boolean): void {
    const nowMs = this.#options.clock();
    const isNews = expired !== this.#reportedExpired;
    if (!isNews && !(expired && nowMs - this.#reportedAtMs >= EXPIRED_SALTS_EVERY_MS)) return;
    this.#reportedExpired = expired;
    this.#reportedAtMs = nowMs;
    this.#options.post({ kind: 'salts', expired });
  }

  /** Shows how evenly requests are spread. */
  #countRequests(): void {
    const requests = (): number => this.#requests;
    const thread = String(this.#options.index + 1);
    const counter = new Counter({
      name: 'uid2_operator_serving_thread_requests_total',
      help: 'Requests answered by each serving thread; absent where the API has one thread.',
      labelNames: ['thread'],
      registers: [],
      collect() {
        this.reset();
        this.inc({ thread }, requests());
      },
    });
    this.#registry.registerMetric(counter);
  }

  async #sendMetrics(id: number): Promise<void> {
    const metrics = (await this.#registry.getMetricsAsJSON()) as unknown as readonly PlainMetric[];
    this.#options.post({ kind: 'metrics', id, metrics });
  }
}

function forwardingLogger(post: (message: MessageFromThread) => void): OperatorLogger {
  const at =
    (level: LogLevel) =>
    (fields: object | string, message?: string): void =>
      typeof fields === 'string'
        ? post({ kind: 'log', level, fields: undefined, message: fields })
        : post({ kind: 'log', level, fields, message: message ?? '' });
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
