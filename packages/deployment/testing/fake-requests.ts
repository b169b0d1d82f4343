import { DependencyError } from '@holdfast/base';

import type { AzureProblem } from '../src/engine/ports.ts';

/** One call of a fake. */
export interface FakeRequest {
  readonly index: number;
  /** `GET`, `PUT`, `POST`, `DELETE`, `PATCH`, `DRY-RUN` and the like. */
  readonly verb: string;
  readonly target: string;
  readonly write: boolean;
  readonly body?: unknown;
}

/**
 * What goes wrong at a call: `refused` before anything happened, `answer-lost` after it happened, and the same two with
 * the death of the calling process, after which every further call fails until `revive`.
 */
export type Fault = 'refused' | 'answer-lost' | 'killed-before' | 'killed-after';

/** The calling process is gone. */
export class ProcessKilled extends Error {
  constructor() {
    super('the process was killed');
    this.name = 'ProcessKilled';
  }
}

/** As the adapter of Azure reports failures. */
export class FakeAzureError extends DependencyError {
  readonly problem: AzureProblem;

  constructor(problem: Partial<AzureProblem> & Pick<AzureProblem, 'code' | 'message'>) {
    super('AZURE_REQUEST_FAILED', `${problem.code}: ${problem.message}`, { retryable: false });
    this.problem = { path: [problem.code], ...problem };
  }
}

/** As the adapter of Kubernetes reports failures. */
export class FakeKubernetesError extends DependencyError {
  constructor(reason: string, status: number, message: string) {
    super('KUBERNETES_REQUEST_FAILED', message, { retryable: false, details: { reason, status } });
  }
}

/** Every call of all fakes of one world, in order, and the faults that wait for them. */
export class FakeRequests {
  readonly all: FakeRequest[] = [];
  readonly #faults = new Map<number, Fault>();
  #dead = false;

  /** Makes the call with this index go wrong. */
  failAt(index: number, fault: Fault): void {
    this.#faults.set(index, fault);
  }

  /** A new process begins: the log starts again, planned faults are forgotten. */
  revive(): void {
    this.#dead = false;
    this.#faults.clear();
    this.all.length = 0;
  }

  /** Calls that changed something, as `VERB target`. */
  writes(): readonly string[] {
    return this.all.filter(({ write }) => write).map(({ verb, target }) => `${verb} ${target}`);
  }

  assertAlive(): void {
    if (this.#dead) throw new ProcessKilled();
  }

  /** Carries a call out, or lets it go wrong as planned. */
  async run<T>(
    request: Omit<FakeRequest, 'index'>,
    execute: () => T | Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    signal?.throwIfAborted();
    this.assertAlive();
    const index = this.all.length;
    this.all.push({ index, ...request });
    const fault = this.#faults.get(index);
    if (fault === 'refused')
      throw new FakeAzureError({ code: 'ServiceUnavailable', message: 'try later', status: 503 });
    if (fault === 'killed-before') this.#die();
    const answer = await settled(execute);
    if (fault === 'killed-after') this.#die();
    if ('error' in answer) throw answer.error;
    if (fault === 'answer-lost') throw new FakeAzureError({ code: 'ConnectionLost', message: 'the answer was lost' });
    return answer.value;
  }

  #die(): never {
    this.#dead = true;
    throw new ProcessKilled();
  }
}

async function settled<T>(execute: () => T | Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await execute() };
  } catch (error) {
    return { error };
  }
}
