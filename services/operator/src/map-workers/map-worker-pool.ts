import type { Worker } from 'node:worker_threads';

import { errorMessage, InternalError } from '@holdfast/base';
import type { Logger } from '@holdfast/process';

import type { MapAnswer } from '../identity-map/map-answer.ts';
import type { MapSettings, MapWorld } from '../identity-mapper.ts';
import { shareSalts } from '../threads/shared-salts.ts';
import { startThread } from '../threads/start-thread.ts';
import type { MapVersion, MapWorkerData, MessageFromWorker, MessageToWorker } from './map-messages.ts';

export interface MapWorkerPoolOptions {
  /** Most workers; they are started when they are needed. 0 for none. */
  readonly workers: number;
  readonly settings: MapSettings;
  readonly logger: Pick<Logger, 'error'>;
  /** The program of the workers, for tests. */
  readonly program?: URL;
}

/** One request to map. */
export interface PooledMapRequest {
  readonly version: MapVersion;
  /** JSON as UTF-8. It is handed over to a worker if that is possible, and empty then. */
  readonly payload: Uint8Array;
  readonly nowMs: number;
  readonly world: MapWorld;
}

interface Job extends PooledMapRequest {
  readonly resolve: (answer: MapAnswer) => void;
  readonly reject: (error: unknown) => void;
}

interface Member {
  readonly worker: Worker;
  /** Whether it has said that it runs. */
  ready: boolean;
  job: Job | undefined;
  /** The world that it was last given. */
  world: MapWorld | undefined;
  /** Ends it when its job takes too long, or makes it forget its world when there has been no job for long. */
  timer: NodeJS.Timeout | undefined;
}

/** Payloads below this size overtake larger ones that wait, but not for ever. */
const SHORT_PAYLOAD_BYTES = 64 * 1024;
const MOST_OVERTAKING = 4;
/** Smaller payloads may lie in memory that is shared with others. */
const HANDED_OVER_BYTES = 16 * 1024;
/** An idle worker keeps its world, and so perhaps the memory of outdated salts, for this long. */
const FORGET_AFTER_MS = 60_000;
/** Hundreds of times what the largest request needs: only a worker that hangs reaches it. */
const JOB_LIMIT_MS = 60_000;
/** After so many workers in a row that never came to run, none is started any more. */
const MOST_FAILED_STARTS = 3;

/**
 * Maps requests on worker threads, one at a time each, so that the event loop stays free. All read the same salts and
 * opt-outs in shared memory. A worker that dies takes its request with it, which fails, and is replaced.
 */
export class MapWorkerPool {
  readonly #options: MapWorkerPoolOptions;
  readonly #members = new Set<Member>();
  readonly #short: Job[] = [];
  readonly #long: Job[] = [];
  #overtaken = 0;
  #failedStarts = 0;
  #stopping = false;
  #onIdle: (() => void) | undefined;

  constructor(options: MapWorkerPoolOptions) {
    this.#options = options;
  }

  /** Whether requests can be given to it. */
  get usable(): boolean {
    return this.#options.workers > 0 && this.#failedStarts < MOST_FAILED_STARTS && !this.#stopping;
  }

  /** Starts all workers before the first request needs them. */
  warm(): void {
    while (this.usable && this.#members.size < this.#options.workers) this.#start();
  }

  /**
   * Maps one request; the same answer as `mapV2` or `mapV3` gives, and a refusal for a payload that is no JSON object.
   * Rejects with what those throw.
   * @throws InternalError MAP_WORKER_LOST when the worker died over it
   */
  run(request: PooledMapRequest): Promise<MapAnswer> {
    return new Promise((resolve, reject) => {
      const queue = request.payload.length < SHORT_PAYLOAD_BYTES ? this.#short : this.#long;
      queue.push({ ...request, resolve, reject });
      this.#assign();
    });
  }

  /** Finishes what it was given, then ends all workers. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#isBusy()) {
      const idle = Promise.withResolvers<void>();
      this.#onIdle = idle.resolve;
      await idle.promise;
    }
    const members = [...this.#members];
    this.#members.clear();
    await Promise.all(members.map(({ worker }) => worker.terminate()));
  }

  /** Gives waiting requests to idle workers, and starts workers as long as there are too few. */
  #assign(): void {
    while (this.#short.length + this.#long.length > 0) {
      const member = this.#idleMember();
      if (member === undefined) return;
      const job = this.#nextJob();
      if (job !== undefined) this.#give(member, job);
    }
    if (this.#onIdle !== undefined && !this.#isBusy()) this.#onIdle();
  }

  #idleMember(): Member | undefined {
    for (const member of this.#members) if (member.job === undefined) return member;
    return this.#members.size < this.#options.workers ? this.#start() : undefined;
  }

  #nextJob(): Job | undefined {
    const overtakes = this.#short.length > 0 && (this.#long.length === 0 || this.#overtaken < MOST_OVERTAKING);
    this.#overtaken = overtakes && this.#long.length > 0 ? this.#overtaken + 1 : 0;
    return overtakes ? this.#short.shift() : this.#long.shift();
  }

  #give(member: Member, job: Job): void {
    member.job = job;
    member.worker.ref(); // an idle worker does not keep the process running, one with a request does
    clearTimeout(member.timer);
    member.timer = setTimeout(() => void member.worker.terminate(), JOB_LIMIT_MS);
    if (!isSameWorld(member.world, job.world)) {
      member.world = job.world;
      const { salts, optOuts, environment } = job.world;
      post(member, { kind: 'world', salts: shareSalts(salts), optOuts: optOuts.data, environment });
    }
    const payload = ownBytes(job.payload);
    post(member, { kind: 'request', version: job.version, payload, nowMs: job.nowMs }, [payload.buffer]);
  }

  #start(): Member {
    const { settings, program = PROGRAM } = this.#options;
    const worker = startThread<MapWorkerData, MessageFromWorker>({
      program,
      name: 'map-worker',
      data: { settings },
      onMessage: (message) => this.#onMessage(member, message),
      onExit: (cause) => this.#onExit(member, cause),
    });
    const member: Member = { worker, ready: false, job: undefined, world: undefined, timer: undefined };
    this.#members.add(member);
    worker.unref();
    return member;
  }

  #onMessage(member: Member, message: MessageFromWorker): void {
    if (message.kind === 'ready') {
      member.ready = true;
      this.#failedStarts = 0;
      return;
    }
    const { job } = member;
    member.job = undefined;
    member.worker.unref();
    clearTimeout(member.timer);
    member.timer = setTimeout(() => {
      member.world = undefined;
      post(member, { kind: 'forget' });
    }, FORGET_AFTER_MS).unref();
    this.#assign();
    if (message.kind === 'success') job?.resolve({ ok: true, bytes: message.bytes, counts: message.counts });
    else if (message.kind === 'refusal') job?.resolve(message.refusal);
    else job?.reject(errorOf(message));
  }

  /** Workers end only when the pool is stopped, by a defect, or because they hang. */
  #onExit(member: Member, cause: unknown): void {
    clearTimeout(member.timer);
    if (!this.#members.delete(member)) return;
    if (!member.ready) this.#failedStarts += 1;
    const error = new InternalError('MAP_WORKER_LOST', `a map worker ended: ${errorMessage(cause)}`, { cause });
    this.#options.logger.error(
      { code: error.code, reason: error.message, ready: member.ready },
      'a map worker was lost',
    );
    member.job?.reject(error);
    if (this.#failedStarts >= MOST_FAILED_STARTS) {
      for (const job of [...this.#short.splice(0), ...this.#long.splice(0)]) job.reject(error);
    }
    this.#assign();
  }

  #isBusy(): boolean {
    return this.#short.length + this.#long.length > 0 || [...this.#members].some(({ job }) => job !== undefined);
  }
}

const PROGRAM = new URL('map.ts', import.meta.url);

function post(member: Member, message: MessageToWorker, handedOver: ArrayBuffer[] = []): void {
  member.worker.postMessage(message, handedOver);
}

/** The bytes themselves when their memory holds little else, otherwise a copy: handing over takes all the memory along. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const whole =
    buffer instanceof ArrayBuffer && bytes.length >= HANDED_OVER_BYTES && buffer.byteLength - bytes.length < 64;
  return whole ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

function isSameWorld(known: MapWorld | undefined, world: MapWorld): boolean {
  return (
    known !== undefined &&
    known.salts === world.salts &&
    known.optOuts === world.optOuts &&
    known.environment === world.environment
  );
}

function errorOf({ code, message, stack }: Extract<MessageFromWorker, { kind: 'failure' }>): Error {
  if (code !== undefined) return new InternalError(code, message);
  const error = new Error(message);
  error.stack = stack;
  return error;
}
