import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { DependencyError, RequestError, VerificationError } from '@holdfast/base';

import { toMessage } from './load-plan.ts';
import type { Load, LoadPlan, LoadResult, PlanMessage } from './load-plan.ts';

/** From the parent. The plan goes through the pipe and never through arguments or environment, which others can read. */
export type Command = { readonly do: 'prepare'; readonly plan: PlanMessage } | { readonly do: 'measure' };

/** From the child. */
export type Answer =
  | { readonly did: 'prepare'; readonly verified: number }
  | { readonly did: 'measure'; readonly result: LoadResult }
  | {
      readonly did: 'fail';
      readonly family: string;
      readonly code: string;
      readonly message: string;
      readonly action: string;
    };

const ENTRY = fileURLToPath(new URL('./load-process.ts', import.meta.url));

/** A load in a process of its own. */
export class ForkedLoad implements Load {
  readonly #plan: LoadPlan;
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    const { UID2_API_KEY: _key, UID2_CLIENT_SECRET: _secret, ...env } = process.env;
    this.#child = fork(ENTRY, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env });
    this.#ended = new Promise((_, reject) => {
      this.#child.once('error', (cause) => reject(processFailed('could not be started', cause)));
      this.#child.once('exit', (code, signal) => reject(processFailed(`ended early (${signal ?? code})`)));
    });
    // Nobody may be waiting at the moment when it ends.
    this.#ended.catch(() => {});
  }

  async prepare(): Promise<number> {
    const answer = await this.#ask({ do: 'prepare', plan: toMessage(this.#plan) });
    return answer.did === 'prepare' ? answer.verified : 0;
  }

  async measure(): Promise<LoadResult> {
    const answer = await this.#ask({ do: 'measure' });
    if (answer.did !== 'measure') throw processFailed('answered out of turn');
    return answer.result;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill();
    await this.#ended.catch(() => {});
  }

  async #ask(command: Command): Promise<Answer> {
    const answered = new Promise<Answer>((resolve) => this.#child.once('message', (answer: Answer) => resolve(answer)));
    this.#child.send(command);
    const answer = await Promise.race([answered, this.#ended]);
    if (answer.did !== 'fail') return answer;
    const { code, message, action } = answer;
    switch (answer.family) {
      case 'request':
        throw new RequestError(code, message, { action });
      case 'verification':
        throw new VerificationError(code, message, { action });
      default:
        throw new DependencyError(code, message, { action, retryable: false });
    }
  }
}

function processFailed(what: string, cause?: unknown): DependencyError {
  return new DependencyError('BENCH_PROCESS_FAILED', `a process of the load generator ${what}`, {
    retryable: false,
    cause,
    action: 'Look at what it wrote to stderr; memory for --batch times --connections may be short.',
  });
}
