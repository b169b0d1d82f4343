import type { Clock } from '@holdfast/base';
import { errorMessage } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import { describeExit, ManagedProcess } from '../process/managed-process.ts';
import type { ProcessExit, ProcessSpec } from '../process/managed-process.ts';
import { BackOff } from './back-off.ts';
import type { BackOffSettings } from './back-off.ts';
import type { EventLog } from './events.ts';
import type { ContainerSpec } from './manifest.ts';
import { pause, probeReadiness } from './readiness-probe.ts';

export type ContainerState =
  | { readonly state: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly state: 'running'; readonly pid: number; readonly startedAt: string }
  | { readonly state: 'terminated'; readonly exitCode: number | null; readonly signal: string | null };

/** How a container ended, before it is started again. */
export interface ContainerTermination extends ProcessExit {
  readonly container: string;
  /** Milliseconds until it is started again. */
  readonly restartInMs: number;
}

export interface ContainerOptions {
  readonly podName: string;
  readonly spec: ContainerSpec;
  readonly process: ProcessSpec;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly probeClient: HttpClient;
  readonly backOff: BackOffSettings;
  onTerminated(termination: ContainerTermination): void;
  onReadiness(ready: boolean): void;
}

/** Keeps one container of a pod running, as restart policy Always asks, and knows whether it is ready. */
export class Container {
  readonly #options: ContainerOptions;
  readonly #backOff: BackOff;
  readonly #stopping = new AbortController();
  #process: ManagedProcess | undefined;
  #state: ContainerState = { state: 'waiting', reason: 'ContainerCreating', message: '' };
  #lastTermination: ProcessExit | undefined;
  #restarts = 0;
  #ready = false;
  #loop: Promise<void> | undefined;

  constructor(options: ContainerOptions) {
    this.#options = options;
    this.#backOff = new BackOff(options.backOff);
  }

  get name(): string {
    return this.#options.spec.name;
  }

  get logFile(): string {
    return this.#options.process.logFile;
  }

  get ready(): boolean {
    return this.#ready;
  }

  get pid(): number | undefined {
    return this.#process?.running === true ? this.#process.pid : undefined;
  }

  /** What the API tells about this container. */
  status(): Readonly<Record<string, unknown>> {
    const last = this.#lastTermination;
    return {
      name: this.name,
      image: this.#options.spec.image,
      ready: this.#ready,
      restartCount: this.#restarts,
      state: this.#state,
      lastTermination: last === undefined ? null : { exitCode: last.code ?? null, signal: last.signal ?? null },
    };
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends the container and stays ended. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#process?.stop(graceMs);
    await this.#loop;
  }

  kill(): void {
    this.#stopping.abort();
    this.#process?.kill();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const startedMs = this.#options.clock();
      const exit = await this.#runOnce();
      this.#setReady(false);
      if (exit !== undefined) {
        this.#lastTermination = exit;
        this.#state = { state: 'terminated', exitCode: exit.code ?? null, signal: exit.signal ?? null };
      }
      if (this.#stopping.signal.aborted) return;
      await this.#waitBeforeRestart(exit, this.#options.clock() - startedMs);
    }
  }

  async #waitBeforeRestart(exit: ProcessExit | undefined, ranMs: number): Promise<void> {
    const restartInMs = this.#backOff.next(ranMs);
    const what = exit === undefined ? 'could not start' : `ended with ${describeExit(exit)}`;
    const message = `container ${this.name} ${what}; it is started again in ${restartInMs / 1000} s`;
    this.#event('Warning', 'BackOff', message);
    this.#options.onTerminated({
      container: this.name,
      code: exit?.code,
      signal: exit?.signal,
      restartInMs,
    });
    this.#state = { state: 'waiting', reason: 'CrashLoopBackOff', message };
    await pause(restartInMs, this.#stopping.signal);
    this.#restarts += 1;
  }

  /** One life of the container; undefined when it could not even start. */
  async #runOnce(): Promise<ProcessExit | undefined> {
    const { spec, events } = this.#options;
    const probing = new AbortController();
    try {
      this.#process = await ManagedProcess.start(this.#options.process);
    } catch (error) {
      events.warning(this.#object, 'Failed', errorMessage(error));
      return undefined;
    }
    this.#state = {
      state: 'running',
      pid: this.#process.pid,
      startedAt: new Date(this.#options.clock()).toISOString(),
    };
    this.#event('Normal', 'Started', `Started container ${this.name}`);
    // stop() may have run while the process was being made.
    if (this.#stopping.signal.aborted) this.#process.kill();
    const probe = this.#probe(probing.signal);
    if (spec.readinessProbe === undefined) this.#setReady(true);
    const exit = await this.#process.exited;
    probing.abort();
    await probe;
    return exit;
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const { spec, probeClient } = this.#options;
    if (spec.readinessProbe === undefined) return;
    const listener = {
      ready: () => this.#setReady(true),
      unready: () => this.#setReady(false),
      failed: (reason: string) => this.#event('Warning', 'Unhealthy', `Readiness probe failed: ${reason}`),
    };
    await probeReadiness(spec.readinessProbe, probeClient, listener, signal);
  }

  #setReady(ready: boolean): void {
    if (this.#ready === ready) return;
    this.#ready = ready;
    this.#options.onReadiness(ready);
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (type === 'Normal') this.#options.events.normal(this.#object, reason, message);
    else this.#options.events.warning(this.#object, reason, message);
  }

  get #object(): string {
    return `${this.#options.podName}/${this.name}`;
  }
}
