import type { ConsumptionState } from '@holdfast/kafka';

import type { KeyState } from '../key-keeper.ts';
import type { ShownMessage } from '../message-board.ts';

/** What the page is made from. */
export interface PageFacts {
  readonly topic: string;
  readonly headingStyle: 'shown' | 'guide';
  readonly key: KeyState;
  readonly kafka: ConsumptionState;
  /** Newest first. */
  readonly messages: readonly ShownMessage[];
  /** All messages since the start. */
  readonly received: number;
}

/** What the page shows, as text: the HTML page and the live updates are made from the same. */
export interface PageView {
  readonly version: 1;
  readonly heading: string;
  readonly message: string;
  readonly explanation: string;
  /** `decrypted`, `ciphertext`, or `nothing` when no message came yet. */
  readonly shows: 'decrypted' | 'ciphertext' | 'nothing';
  readonly key: { readonly state: KeyState['kind']; readonly text: string };
  readonly kafka: { readonly state: ConsumptionState['kind']; readonly text: string };
  readonly received: number;
  readonly messages: readonly ShownMessage[];
}

export const TIMEOUT_TEXT = 'Timeout waiting to read data from Kafka.  Please refresh the page to try again.';

export function pageView(facts: PageFacts): PageView {
  const [newest] = facts.messages;
  const shows = newest === undefined ? 'nothing' : newest.decrypted ? 'decrypted' : 'ciphertext';
  return {
    version: 1,
    heading: heading(facts, newest),
    message: newest?.text ?? TIMEOUT_TEXT,
    explanation: explanation(facts, newest),
    shows,
    key: { state: facts.key.kind, text: keyText(facts.key) },
    kafka: { state: facts.kafka.kind, text: kafkaText(facts.kafka, facts.topic) },
    received: facts.received,
    messages: facts.messages,
  };
}

/**
 * The published sample writes "Encrypted" when it holds the key and so shows a decrypted message. By default the word says
 * what is on the page.
 */
function heading({ headingStyle, key }: PageFacts, newest: ShownMessage | undefined): string {
  const hasKey = key.kind === 'released';
  const encrypted = headingStyle === 'guide' ? hasKey : !(newest?.decrypted ?? hasKey);
  return encrypted ? 'Encrypted Kafka Message:' : 'Unencrypted Kafka Message:';
}

function explanation({ key }: PageFacts, newest: ShownMessage | undefined): string {
  if (newest === undefined) return 'No message has arrived since this page was asked for.';
  if (newest.problem !== undefined) return newest.problem;
  if (newest.decrypted) return 'Decrypted inside this pod with the key that was released to it.';
  const why = key.kind === 'asking' ? 'the key has not arrived yet' : 'this pod did not get the key';
  return `This is the Base64 ciphertext as it came from Kafka, because ${why}.`;
}

function keyText(key: KeyState): string {
  switch (key.kind) {
    case 'not-configured':
      return 'No key is named (SkrClientKID), so nothing is decrypted.';
    case 'asking':
      return `Asking for key ${key.kid}.`;
    case 'released':
      return `Key ${key.kid} (RSA, ${key.bits} bits) was released to this pod.`;
    case 'refused': {
      const action = key.action === undefined ? '' : ` ${key.action}`;
      return `${sentence(key.reason)} Trying again in ${key.retryInMs / 1000} s.${action}`;
    }
    default:
      return key satisfies never;
  }
}

function kafkaText(kafka: ConsumptionState, topic: string): string {
  switch (kafka.kind) {
    case 'connecting':
      return `Connecting to read topic ${topic}.`;
    case 'reading':
      return kafka.partitions.length === 0
        ? `Other members of the group read all partitions of topic ${topic}.`
        : `Reading topic ${topic}, ${kafka.partitions.length === 1 ? 'partition' : 'partitions'} ${kafka.partitions.join(', ')}.`;
    case 'waiting':
      return `${sentence(kafka.problem.message)} Trying again in ${(kafka.retryInMs / 1000).toFixed(1)} s.`;
    default:
      return kafka satisfies never;
  }
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?)]$/.test(capital) ? capital : `${capital}.`;
}
