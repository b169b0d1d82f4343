import { setTimeout as delay } from 'node:timers/promises';

import { PlatformError } from '@holdfast/base';

import { Connection, isTimeout } from './connection.ts';
import { Histogram } from './histogram.ts';
import { createScenario } from './load-plan.ts';
import type { Load, LoadPlan, LoadResult } from './load-plan.ts';
import { pooledRandom } from './pooled-random.ts';
import type { Session } from './scenarios/scenario.ts';

/** A connection that failed waits this long, so that a dead operator costs no storm of attempts. */
const PAUSE_AFTER_FAILURE_MS = 100;
/** A good reply has at least this share of the first verified one's length. */
const SHORT_REPLY = 0.5;

interface Lane {
  readonly connection: Connection;
  readonly session: Session;
  /** Least length of a good reply, in bytes. */
  shortest: number;
}

/** A load inside this process. */
export class LocalLoad implements Load {
  readonly #plan: LoadPlan;
  readonly #lanes: Lane[] = [];
  readonly #latencies = new Histogram();
  readonly #errors = new Map<string, number>();
  readonly #stopped = new AbortController();
  #entriesPerRequest = 0;
  /** The measured window, on the clock of `performance.now()`. */
  #opensAt = Number.POSITIVE_INFINITY;
  #closesAt = Number.POSITIVE_INFINITY;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
  }

  async prepare(): Promise<number> {
    const { connections, target, timeoutMs } = this.#plan;
    const scenario = createScenario(this.#plan, Date.now, pooledRandom());
    this.#entriesPerRequest = scenario.entriesPerRequest;
    const { origin } = new URL(target.url);
    for (let lane = 0; lane < connections; lane += 1) {
      const connection = new Connection({ origin, timeoutMs });
      this.#lanes.push({ connection, session: scenario.openSession(), shortest: 0 });
    }
    await Promise.all(
      this.#lanes.map(async (lane) => {
        const length = await lane.session.prepare((exchange) => lane.connection.send(exchange, true));
        lane.shortest = length * SHORT_REPLY;
      }),
    );
    return connections;
  }

  async measure(): Promise<LoadResult> {
    const { warmupMs, durationMs } = this.#plan;
    this.#opensAt = performance.now() + warmupMs;
    this.#closesAt = this.#opensAt + durationMs;
    const running = Promise.all(this.#lanes.map((lane, index) => this.#run(lane, index)));
    const window = this.#watchWindow(warmupMs, durationMs);
    // A lane ends by itself only with a defect, which must not wait for the end of the window.
    const cpuPercent = await Promise.race([window, running.then(() => window)]);
    await this.stop();
    await running;
    return {
      requests: this.#latencies.total,
      entriesPerRequest: this.#entriesPerRequest,
      errors: Object.fromEntries(this.#errors),
      latencies: this.#latencies.data(),
      cpuPercent,
    };
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#lanes.map(({ connection }) => connection.destroy()));
  }

  /** Waits for the window to pass; answers the processor time this process used in it, in percent of one core. */
  async #watchWindow(warmupMs: number, durationMs: number): Promise<number> {
    await this.#pause(warmupMs);
    const [openedAt, before] = [performance.now(), process.cpuUsage()];
    await this.#pause(durationMs);
    const used = process.cpuUsage(before);
    return (used.user + used.system) / 10 / (performance.now() - openedAt);
  }

  async #run(lane: Lane, index: number): Promise<void> {
    const pace = this.#paceOf(index);
    const { connection, session } = lane;
    while (!this.#stopped.signal.aborted) {
      const exchange = session.next();
      let sentAt = performance.now();
      if (pace !== undefined) {
        const dueAt = pace();
        if (dueAt > sentAt) {
          await this.#pause(dueAt - sentAt);
          if (this.#stopped.signal.aborted) return;
          sentAt = performance.now();
        } else {
          // The connection was still busy when this request was due: the wait belongs to the operator.
          sentAt = dueAt;
        }
      }
      try {
        const { status, length, body } = await connection.send(exchange, session.readsReplies);
        const repliedAt = performance.now();
        if (status !== 200) this.#fail(String(status), repliedAt);
        else if (length < lane.shortest) this.#fail('short-reply', repliedAt);
        else {
          if (session.readsReplies) session.accept(body);
          if (this.#isMeasured(repliedAt)) this.#latencies.record(repliedAt - sentAt);
        }
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        const isOurs = error instanceof PlatformError;
        this.#fail(isOurs ? 'invalid-reply' : isTimeout(error) ? 'timeout' : 'connection', performance.now());
        await this.#pause(PAUSE_AFTER_FAILURE_MS);
      }
    }
  }

  /** When the requests of a paced connection are due, one after the other; undefined without a pace. */
  #paceOf(index: number): (() => number) | undefined {
    const { ratePerSecond, connections } = this.#plan;
    if (ratePerSecond === undefined) return undefined;
    const intervalMs = (1000 * connections) / ratePerSecond;
    let dueAt = performance.now() + (index / connections) * intervalMs - intervalMs;
    return () => (dueAt += intervalMs);
  }

  #fail(outcome: string, at: number): void {
    if (this.#isMeasured(at)) this.#errors.set(outcome, (this.#errors.get(outcome) ?? 0) + 1);
  }

  #isMeasured(at: number): boolean {
    return at >= this.#opensAt && at < this.#closesAt;
  }

  async #pause(milliseconds: number): Promise<void> {
    try {
      await delay(milliseconds, undefined, { signal: this.#stopped.signal });
    } catch (error) {
      if (!this.#stopped.signal.aborted) throw error;
    }
  }
}
