import type { Clock } from '@holdfast/base';

import { ArmFault, errorBody } from './arm-fault.ts';
import type { JsonObject, JsonValue } from './json.ts';

/** How long operations take: a number of looks at them, or time. With 0 they are over when the first answer is sent. */
export type OperationPace = { readonly polls: number } | { readonly ms: number };

export type OperationState = 'Running' | 'Succeeded' | 'Failed' | 'Canceled';

/** Something that Azure goes on with after its answer. */
export interface Operation {
  readonly id: string;
  /** What it is about: looking at that moves the operation on as well. */
  readonly subjectId: string;
  readonly state: OperationState;
  readonly error: JsonObject | undefined;
  /** Body for clients that follow `Location`. */
  readonly result: JsonValue | undefined;
}

export interface OperationWork {
  readonly subjectId: string;
  readonly pace?: OperationPace;
  /** One step of the work, at each look before the last. */
  readonly step?: () => Promise<void>;
  /** The work, or what is left of it. A fault that it throws is the operation's. */
  readonly finish: () => Promise<JsonValue | undefined>;
}

interface Entry {
  operation: Operation;
  readonly work: OperationWork;
  readonly startedAt: number;
  looks: number;
}

/** Long-running operations. Without anybody looking, or time passing, they stand still. */
export class Operations {
  readonly #entries = new Map<string, Entry>();
  readonly #forgotten = new Set<string>();
  #revision = 0;
  readonly #clock: Clock;
  readonly #uuid: () => string;
  readonly #pace: () => OperationPace;

  constructor(options: { readonly clock: Clock; readonly uuid: () => string; readonly pace: () => OperationPace }) {
    this.#clock = options.clock;
    this.#uuid = options.uuid;
    this.#pace = options.pace;
  }

  /** Another number after every step of an operation. */
  get revision(): number {
    return this.#revision;
  }

  async start(work: OperationWork): Promise<Operation> {
    const id = this.#uuid();
    const operation: Operation = {
      id,
      subjectId: work.subjectId,
      state: 'Running',
      error: undefined,
      result: undefined,
    };
    const entry: Entry = { operation, work, startedAt: this.#clock(), looks: 0 };
    this.#entries.set(id, entry);
    if (this.#due(entry)) await this.#finish(entry);
    return entry.operation;
  }

  /** The operation that runs on something. */
  running(subjectId: string): Operation | undefined {
    return this.#running(subjectId)?.operation;
  }

  /** A look at an operation. */
  async look(id: string): Promise<Operation | undefined> {
    const entry = this.#entries.get(id);
    if (entry === undefined || this.#forgotten.has(id)) return undefined;
    if (entry.operation.state === 'Running') await this.#advance(entry);
    return entry.operation;
  }

  /** A look at the thing that an operation is about. */
  async lookAt(subjectId: string): Promise<void> {
    const entry = this.#running(subjectId);
    if (entry !== undefined) await this.#advance(entry);
  }

  /** Moves every operation on by one look, and ends those whose time has come. */
  async tick(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.operation.state === 'Running') await this.#advance(entry);
    }
  }

  /** Ends the operations whose time has come. */
  async settleDue(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.operation.state === 'Running' && 'ms' in this.#paceOf(entry) && this.#due(entry)) {
        await this.#finish(entry);
      }
    }
  }

  /** Ends everything that runs. */
  async settle(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.operation.state === 'Running') await this.#finish(entry);
    }
  }

  cancel(subjectId: string): boolean {
    const entry = this.#running(subjectId);
    if (entry === undefined) return false;
    entry.operation = { ...entry.operation, state: 'Canceled' };
    return true;
  }

  /** From now on nobody can ask for the operation by its id. It goes on. */
  forget(id: string): void {
    this.#forgotten.add(id);
  }

  #running(subjectId: string): Entry | undefined {
    const subject = subjectId.toLowerCase();
    return [...this.#entries.values()].find(
      ({ operation }) => operation.state === 'Running' && operation.subjectId.toLowerCase() === subject,
    );
  }

  #paceOf(entry: Entry): OperationPace {
    return entry.work.pace ?? this.#pace();
  }

  #due(entry: Entry): boolean {
    const pace = this.#paceOf(entry);
    return 'polls' in pace ? entry.looks >= pace.polls : this.#clock() >= entry.startedAt + pace.ms;
  }

  async #advance(entry: Entry): Promise<void> {
    entry.looks += 1;
    this.#revision += 1;
    if (this.#due(entry)) {
      await this.#finish(entry);
      return;
    }
    await entry.work.step?.();
  }

  async #finish(entry: Entry): Promise<void> {
    this.#revision += 1;
    try {
      const result = await entry.work.finish();
      entry.operation = { ...entry.operation, state: 'Succeeded', result };
    } catch (error) {
      if (!(error instanceof ArmFault)) throw error;
      entry.operation = { ...entry.operation, state: 'Failed', error: errorBody(error) };
    }
  }
}
