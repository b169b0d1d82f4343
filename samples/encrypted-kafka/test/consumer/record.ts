import type { ReceivedRecord } from '@holdfast/kafka';

/** A record of Kafka with this text as its value. */
export function record(text: string, offset = 0): ReceivedRecord {
  return {
    topic: 'topic',
    partition: offset % 3,
    offset: BigInt(offset),
    timestampMs: 0,
    value: Buffer.from(text),
    headers: new Map(),
  };
}
