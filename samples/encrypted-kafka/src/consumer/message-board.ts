import type { KeyObject } from 'node:crypto';

import type { Clock } from '@holdfast/base';
import type { ReceivedRecord } from '@holdfast/kafka';

import { decryptMessage } from '../crypto/message-cipher.ts';

/** A message as people see it. */
export interface ShownMessage {
  /** Counts what this consumer received, from 1. */
  readonly number: number;
  readonly partition: number;
  readonly offset: string;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** The decrypted text, or what was received when it could not be decrypted. */
  readonly text: string;
  readonly decrypted: boolean;
  /** Why it could not be decrypted although the key is there. */
  readonly problem: string | undefined;
}

export interface MessageBoardOptions {
  readonly clock: Clock;
  /** Messages that are kept; 20 when missing. */
  readonly capacity?: number;
}

/** Longest text that is kept of one message, in characters. */
const MAX_TEXT = 8192;

interface Kept {
  readonly received: string;
  shown: ShownMessage;
}

/**
 * The last messages. Nothing is consumed by looking: everybody who waits gets the next message. Messages that came before
 * the key are decrypted when it arrives.
 */
export class MessageBoard {
  readonly #options: MessageBoardOptions;
  readonly #capacity: number;
  readonly #kept: Kept[] = [];
  readonly #listeners = new Set<() => void>();
  #count = 0;
  #key: KeyObject | undefined;
  #closed = false;

  constructor(options: MessageBoardOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? 20;
  }

  /** Newest first. */
  get messages(): readonly ShownMessage[] {
    return this.#kept.map(({ shown }) => shown).reverse();
  }

  /** How many messages came so far. */
  get count(): number {
    return this.#count;
  }

  add(record: ReceivedRecord): ShownMessage {
    const received = Buffer.from(record.value).toString('utf8').slice(0, MAX_TEXT);
    this.#count += 1;
    const shown: ShownMessage = {
      number: this.#count,
      partition: record.partition,
      offset: String(record.offset),
      receivedAt: new Date(this.#options.clock()).toISOString(),
      ...this.#read(received),
    };
    this.#kept.push({ received, shown });
    if (this.#kept.length > this.#capacity) this.#kept.shift();
    this.#tell();
    return shown;
  }

  /** From now on messages are decrypted with `key`; those that are kept are tried again. */
  useKey(key: KeyObject): void {
    this.#key = key;
    for (const kept of this.#kept) kept.shown = { ...kept.shown, ...this.#read(kept.received) };
    this.#tell();
  }

  /** Resolves at the first message there is, or undefined when none came in time or the board was closed. */
  async first(timeoutMs: number): Promise<ShownMessage | undefined> {
    if (this.#kept.length === 0 && !this.#closed) {
      const changed = Promise.withResolvers<void>();
      const timer = setTimeout(changed.resolve, timeoutMs);
      const unsubscribe = this.subscribe(() => {
        if (this.#kept.length > 0 || this.#closed) changed.resolve();
      });
      await changed.promise;
      clearTimeout(timer);
      unsubscribe();
    }
    return this.messages[0];
  }

  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Lets go everybody who waits. */
  close(): void {
    this.#closed = true;
    this.#tell();
  }

  #read(received: string): Pick<ShownMessage, 'text' | 'decrypted' | 'problem'> {
    if (this.#key === undefined) return { text: received, decrypted: false, problem: undefined };
    try {
      return { text: decryptMessage(received, this.#key), decrypted: true, problem: undefined };
    } catch {
      // Anybody may write to a topic; one message that is not for this key must not end anything.
      const problem = 'This message was not encrypted for the released key; it is shown as it was received.';
      return { text: received, decrypted: false, problem };
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
