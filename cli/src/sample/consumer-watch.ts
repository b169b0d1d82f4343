import { setTimeout as pause } from 'node:timers/promises';

import { DependencyError, fromUtf8 } from '@holdfast/base';
import type { PageView, ShownMessage } from '@holdfast/encrypted-kafka';
import type { HttpClient } from '@holdfast/http';

export interface ConsumerWatchOptions {
  readonly client: Pick<HttpClient, 'send'>;
  /** Without a trailing slash. */
  readonly pageUrl: string;
  readonly signal: AbortSignal;
}

export interface ConsumerProof {
  readonly messages: number;
  /** The newest message as the page shows it. */
  readonly example: string;
  /** What the page says about the key. */
  readonly key: string;
}

const POLL_MS = 250;
const REQUEST_TIMEOUT_MS = 5_000;
const DEADLINE_MS = 60_000;

/** Looks at the consumer from the outside, as its page does. */
export class ConsumerWatch {
  readonly #options: ConsumerWatchOptions;
  #last = 0;
  #failure: string | undefined;

  constructor(options: ConsumerWatchOptions) {
    this.#options = options;
  }

  /** Makes all waiting end: a container is gone. */
  fail(reason: string): void {
    this.#failure ??= reason;
  }

  /** Waits until the consumer reads the topic. */
  async reading(): Promise<void> {
    await this.#until('the consumer does not read the topic', (view) => view.kafka.state === 'reading');
  }

  /** Waits until the key was released or refused. */
  async keyDecided(): Promise<PageView['key']['state']> {
    const { key } = await this.#until(
      'the key was neither released nor refused',
      (view) => view.key.state !== 'asking',
    );
    return key.state;
  }

  /** New messages in the order in which they were received, without end. */
  async *messages(): AsyncGenerator<ShownMessage> {
    for (;;) {
      const view = await this.#state();
      if (view !== undefined) yield* this.#newOf(view);
      await this.#pause();
    }
  }

  /**
   * Waits until messages of all partitions were seen, decrypted or as ciphertext as expected.
   * @throws DependencyError SAMPLE_NOT_AS_EXPECTED
   */
  async prove(expected: { readonly partitions: number; readonly readable: boolean }): Promise<ConsumerProof> {
    const wanted = expected.readable ? 'decrypted' : 'kept as ciphertext';
    const partitions = new Set<number>();
    let messages = 0;
    const view = await this.#until(`not every partition had a message that was ${wanted}`, (state) => {
      for (const message of this.#newOf(state)) {
        if (message.decrypted && !expected.readable) {
          throw notAsExpected('a message was decrypted that must not be readable here', state);
        }
        if (message.decrypted !== expected.readable) continue;
        messages += 1;
        partitions.add(message.partition);
      }
      return partitions.size >= expected.partitions;
    });
    if ((view.key.state === 'released') !== expected.readable) throw notAsExpected(view.key.text, view);
    return { messages, example: view.message, key: view.key.text };
  }

  #newOf({ messages }: PageView): readonly ShownMessage[] {
    const fresh = messages.filter(({ number }) => number > this.#last).reverse();
    this.#last = fresh.at(-1)?.number ?? this.#last;
    return fresh;
  }

  async #until(otherwise: string, condition: (view: PageView) => boolean): Promise<PageView> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const view = await this.#state();
      if (view !== undefined && condition(view)) return view;
      if (this.#failure !== undefined) throw notAsExpected(this.#failure, view);
      if (performance.now() > deadline) throw notAsExpected(`${otherwise} within ${DEADLINE_MS / 1000} s`, view);
      await this.#pause();
    }
  }

  /** Undefined while nothing answers. */
  async #state(): Promise<PageView | undefined> {
    const { client, pageUrl, signal } = this.#options;
    signal.throwIfAborted();
    try {
      const answer = await client.send({ url: `${pageUrl}/state`, timeoutMs: REQUEST_TIMEOUT_MS });
      return answer.status === 200 ? (JSON.parse(fromUtf8(answer.body)) as PageView) : undefined;
    } catch (error) {
      if (error instanceof DependencyError) return undefined;
      throw error;
    }
  }

  async #pause(): Promise<void> {
    await pause(POLL_MS, undefined, { signal: this.#options.signal });
  }
}

function notAsExpected(problem: string, view: PageView | undefined): DependencyError {
  const said = view === undefined ? '' : ` (Kafka: ${view.kafka.text} Key: ${view.key.text})`;
  return new DependencyError('SAMPLE_NOT_AS_EXPECTED', `${problem}${said}`, {
    retryable: false,
    action: 'Read the logs in the home folder of the sample.',
  });
}
