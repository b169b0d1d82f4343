import { rename } from 'node:fs/promises';
import { devNull } from 'node:os';

import type { Clock } from '@holdfast/base';
import { errorMessage } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import { describeExit, ManagedProcess } from '../process/managed-process.ts';
import type { ProcessExit } from '../process/managed-process.ts';
import { BackOff } from './back-off.ts';
import type { BackOffSettings } from './back-off.ts';
import { containerProgram } from './container-program.ts';
import type { EventLog } from './events.ts';
import { runCommand } from './exec.ts';
import type { CommandResult } from './exec.ts';
import type { AdmittedContainer, GuestAnswer, GuestEnforcement, GuestRefusal } from './guest-enforcement.ts';
import type { ContainerSpec, RestartPolicy } from './manifest.ts';
import type { ContainerMount } from './mount-paths.ts';
import { programEnvironment } from './mounted-environment.ts';
import { pause, probeReadiness } from './readiness-probe.ts';

export type ContainerState =
  | { readonly state: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly state: 'running'; readonly pid: number; readonly startedAt: string }
  | { readonly state: 'terminated'; readonly exitCode: number | null; readonly signal: string | null };

/** How a container ended, before it is started again. */
export interface ContainerTermination extends ProcessExit {
  readonly container: string;
  /** Milliseconds until it is started again; undefined when it stays ended. */
  readonly restartInMs: number | undefined;
}

/** One life of a container that is over. */
export interface EndedLife extends ProcessExit {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** A container as it stands, for whoever reports it to an API server. */
export interface ContainerSnapshot {
  readonly name: string;
  readonly image: string;
  readonly ready: boolean;
  readonly restarts: number;
  readonly state: ContainerState;
  /** The newest life that is over; undefined before the first has ended. */
  readonly ended: EndedLife | undefined;
  /** Why the newest attempt to start it failed, in the words of the guest or the runtime; undefined when it did not. */
  readonly problem: string | undefined;
  /** Whether it has ended for good. */
  readonly finished: boolean;
}

export interface ContainerOptions {
  readonly podName: string;
  readonly spec: ContainerSpec;
  readonly guest: GuestEnforcement;
  /** Asks the guest for another life of the container. */
  readonly admit: () => Promise<GuestAnswer<AdmittedContainer>>;
  /** The life the guest has admitted already, when the pod was started. */
  readonly admitted: AdmittedContainer;
  /** Variables that the guest adds after its policy was asked. */
  readonly guestVariables: Readonly<Record<string, string>>;
  /** The volumes of the next life, asked for before it begins. */
  readonly mounts: () => Promise<readonly ContainerMount[]>;
  readonly logFile: string;
  readonly workingDirectory: string;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly probeClient: HttpClient;
  readonly backOff: BackOffSettings;
  readonly restartPolicy: RestartPolicy;
  /** Where probes find its ports. */
  readonly address: string;
  /** Whether the output of the life before is kept, beside the log file, as `previousLogFile` names it. */
  readonly keepsPreviousLog: boolean;
  /** Told about every change of state. */
  readonly onState: () => void;
  onTerminated(termination: ContainerTermination): void;
  onReadiness(ready: boolean): void;
}

const SIGTERM = 15;

/** Keeps one container of a pod running, as its restart policy asks, and knows whether it is ready. */
export class Container {
  readonly #options: ContainerOptions;
  readonly #backOff: BackOff;
  readonly #stopping = new AbortController();
  #process: ManagedProcess | undefined;
  /** The life that runs or is about to. */
  #life: AdmittedContainer | undefined;
  #mounts: readonly ContainerMount[] = [];
  #state: ContainerState = { state: 'waiting', reason: 'ContainerCreating', message: '' };
  #lastTermination: ProcessExit | undefined;
  #ended: EndedLife | undefined;
  #problem: string | undefined;
  #lives = 0;
  #restarts = 0;
  #ready = false;
  #result: 'succeeded' | 'failed' | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: ContainerOptions) {
    this.#options = options;
    this.#backOff = new BackOff(options.backOff);
    this.#life = options.admitted;
  }

  get name(): string {
    return this.#options.spec.name;
  }

  get logFile(): string {
    return this.#options.logFile;
  }

  /** The output of the life before, when that is kept and there was one. */
  get previousLogFile(): string {
    return `${this.#options.logFile}.previous`;
  }

  get ready(): boolean {
    return this.#ready;
  }

  snapshot(): ContainerSnapshot {
    return {
      name: this.name,
      image: this.#options.spec.image,
      ready: this.#ready,
      restarts: this.#restarts,
      state: this.#state,
      ended: this.#ended,
      problem: this.#problem,
      finished: this.#result !== undefined,
    };
  }

  /** How it ended for good; undefined while it runs or is to run. */
  get result(): 'succeeded' | 'failed' | undefined {
    return this.#result;
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
    const refusal = this.#refusedSignal();
    if (refusal === undefined) await this.#process?.stop(graceMs);
    // What its policy protects from signals ends with its machine.
    else this.#process?.kill();
    await this.#loop;
  }

  kill(): void {
    this.#stopping.abort();
    this.#process?.kill();
  }

  /**
   * Runs a command beside the container's own process, if the policy has it.
   * @throws what starting a program throws
   */
  async exec(command: readonly string[], timeoutMs: number): Promise<GuestAnswer<CommandResult>> {
    const life = this.#life;
    if (life === undefined || this.#process?.running !== true) {
      return { refused: { message: 'container not running', explanation: `container ${this.name} is not running` } };
    }
    const answer = this.#options.guest.admitExec(life, command);
    if ('refused' in answer) {
      this.#denied(answer.refused);
      return answer;
    }
    const program = containerProgram(life.root, command, answer.admitted['PATH']);
    if ('refused' in program) {
      return { refused: { message: program.refused, explanation: program.refused } };
    }
    const { workingDirectory } = this.#options;
    const environment = this.#environment({ root: life.root, environment: answer.admitted });
    return { admitted: await runCommand({ command: program, environment, workingDirectory, timeoutMs }) };
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const startedMs = this.#options.clock();
      const exit = await this.#runOnce();
      this.#setReady(false);
      if (exit !== undefined) {
        this.#lastTermination = exit;
        this.#ended = { ...exit, startedAt: isoTime(startedMs), finishedAt: isoTime(this.#options.clock()) };
        this.#setState({ state: 'terminated', exitCode: exit.code ?? null, signal: exit.signal ?? null });
      }
      if (this.#stopping.signal.aborted) return;
      if (!this.#isRestartedAfter(exit)) {
        this.#result = exit?.code === 0 ? 'succeeded' : 'failed';
        this.#setState({ state: 'terminated', exitCode: exit?.code ?? null, signal: exit?.signal ?? null });
        this.#tellEnd(exit, undefined);
        return;
      }
      await this.#waitBeforeRestart(exit, this.#options.clock() - startedMs);
    }
  }

  #isRestartedAfter(exit: ProcessExit | undefined): boolean {
    const { restartPolicy } = this.#options;
    return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exit?.code !== 0);
  }

  #tellEnd(exit: ProcessExit | undefined, restartInMs: number | undefined): void {
    const { code, signal } = exit ?? { code: undefined, signal: undefined };
    this.#options.onTerminated({ container: this.name, code, signal, restartInMs });
  }

  async #waitBeforeRestart(exit: ProcessExit | undefined, ranMs: number): Promise<void> {
    const restartInMs = this.#backOff.next(ranMs);
    const what = exit === undefined ? 'could not start' : `ended with ${describeExit(exit)}`;
    const message = `container ${this.name} ${what}; it is started again in ${restartInMs / 1000} s`;
    this.#event('Warning', 'BackOff', message);
    this.#tellEnd(exit, restartInMs);
    this.#setState({ state: 'waiting', reason: 'CrashLoopBackOff', message });
    await pause(restartInMs, this.#stopping.signal);
    if (!this.#stopping.signal.aborted) this.#restarts += 1;
  }

  /** One life of the container; undefined when it could not even start. */
  async #runOnce(): Promise<ProcessExit | undefined> {
    const probing = new AbortController();
    const life = await this.#nextLife();
    if (life === undefined) return undefined;
    this.#process = await this.#startProcess(life);
    if (this.#process === undefined) return undefined;
    this.#problem = undefined;
    this.#setState({ state: 'running', pid: this.#process.pid, startedAt: isoTime(this.#options.clock()) });
    const hidden = life.outputReadable ? '' : '; its policy keeps its output from the host';
    this.#event('Normal', 'Started', `Started container ${this.name}${hidden}`);
    // stop() may have run while the process was being made.
    if (this.#stopping.signal.aborted) this.#process.kill();
    const probe = this.#probe(probing.signal);
    if (this.#options.spec.readinessProbe === undefined) this.#setReady(true);
    const exit = await this.#process.exited;
    probing.abort();
    await probe;
    this.#options.guest.ended(life);
    this.#life = undefined;
    return exit;
  }

  async #nextLife(): Promise<AdmittedContainer | undefined> {
    if (this.#life !== undefined) return this.#life;
    try {
      const answer = await this.#options.admit();
      if ('refused' in answer) {
        this.#problem = answer.refused.message;
        this.#denied(answer.refused);
      } else this.#life = answer.admitted;
    } catch (error) {
      this.#failed(errorMessage(error));
    }
    return this.#life;
  }

  async #startProcess(life: AdmittedContainer): Promise<ManagedProcess | undefined> {
    const { workingDirectory } = this.#options;
    const logFile = life.outputReadable ? this.#options.logFile : devNull;
    const runtime = runtimeOf(life.command);
    const command = containerProgram(life.root, life.command, life.environment['PATH'], runtime);
    try {
      if ('refused' in command) throw new RangeError(command.refused);
      this.#mounts = await this.#options.mounts();
      const environment = this.#environment(life);
      await this.#putLogAside();
      return await ManagedProcess.start({ command, environment, logFile, workingDirectory });
    } catch (error) {
      this.#failed(errorMessage(error));
      this.#options.guest.ended(life);
      this.#life = undefined;
      return undefined;
    }
  }

  #environment(life: Pick<AdmittedContainer, 'root' | 'environment'>): Record<string, string> {
    const { guestVariables, workingDirectory } = this.#options;
    return programEnvironment(life, { guestVariables, workingDirectory, mounts: this.#mounts });
  }

  #refusedSignal(): GuestRefusal | undefined {
    if (this.#life === undefined || this.#process?.running !== true) return undefined;
    const answer = this.#options.guest.admitSignal(this.#life, SIGTERM);
    if (!('refused' in answer)) return undefined;
    this.#denied(answer.refused);
    return answer.refused;
  }

  /** The log file holds one life, when previous logs are kept. */
  async #putLogAside(): Promise<void> {
    this.#lives += 1;
    if (!this.#options.keepsPreviousLog || this.#lives === 1) return;
    // No file: the life before had no output that the host may read.
    await rename(this.logFile, this.previousLogFile).catch(() => undefined);
  }

  #failed(message: string): void {
    this.#problem = message;
    this.#event('Warning', 'Failed', message);
  }

  #denied({ message, explanation }: GuestRefusal): void {
    this.#event('Warning', 'Failed', message);
    this.#event('Warning', 'PolicyDenied', explanation);
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const { spec, probeClient } = this.#options;
    if (spec.readinessProbe === undefined) return;
    const listener = {
      ready: () => this.#setReady(true),
      unready: () => this.#setReady(false),
      failed: (reason: string) => this.#event('Warning', 'Unhealthy', `Readiness probe failed: ${reason}`),
    };
    await probeReadiness(
      spec.readinessProbe,
      { client: probeClient, host: this.#options.address },
      (...command) => this.#probeCommand(...command),
      listener,
      signal,
    );
  }

  async #probeCommand(command: readonly string[], timeoutMs: number): Promise<string | undefined> {
    try {
      const answer = await this.exec(command, timeoutMs);
      if ('refused' in answer) return answer.refused.message;
      const { exitCode, signal } = answer.admitted;
      return exitCode === 0 ? undefined : `command ended with ${signal ?? `exit code ${exitCode}`}`;
    } catch (error) {
      return errorMessage(error);
    }
  }

  #setState(state: ContainerState): void {
    this.#state = state;
    this.#options.onState();
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

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** For trying the operator on another runtime that understands programs for Node: `npm run test:bun`. */
function runtimeOf(command: readonly string[]): string | undefined {
  return command.includes('operator') ? process.env['HOLDFAST_OPERATOR_RUNTIME'] : undefined;
}
