import { ProduceAcks, Producer } from '@platformatic/kafka';

import { clientOptions } from './connection.ts';
import type { KafkaConnection } from './connection.ts';
import { kafkaProblem } from './problem.ts';

/** One message on its way out. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly value: Uint8Array;
  /** Decides the partition together with the number of partitions; records without one go round all partitions. */
  readonly key?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** This partition, instead of one that is chosen. */
  readonly partition?: number;
}

export interface KafkaProducer {
  /**
   * Sends one record and waits until all in-sync replicas have it.
   * @throws DependencyError KAFKA_UNREACHABLE, KAFKA_TIMEOUT, KAFKA_TOPIC_UNKNOWN, KAFKA_RECORD_REFUSED,
   *   KAFKA_AUTHENTICATION_FAILED, KAFKA_ACCESS_DENIED, KAFKA_FAILED
   */
  send(record: OutgoingRecord): Promise<{ readonly partition: number; readonly offset: bigint }>;
  close(): Promise<void>;
}

/** A producer for one cluster. It connects at the first record, and again after a connection broke. */
export function openKafkaProducer(connection: KafkaConnection): KafkaProducer {
  const producer = new Producer<Buffer, Buffer, string, string>({
    ...clientOptions(connection),
    acks: ProduceAcks.ALL,
    serializers: { headerKey: text, headerValue: text },
  });
  return {
    async send({ topic, value, key, headers, partition }) {
      try {
        const { offsets } = await producer.send({
          messages: [
            {
              topic,
              value: Buffer.from(value),
              ...(key === undefined ? {} : { key: Buffer.from(key) }),
              ...(headers === undefined ? {} : { headers }),
              ...(partition === undefined ? {} : { partition }),
            },
          ],
        });
        const written = offsets?.[0];
        return { partition: written?.partition ?? -1, offset: written?.offset ?? -1n };
      } catch (error) {
        throw kafkaProblem(error, `cannot send to topic ${topic}`, connection);
      }
    },
    async close() {
      await producer.close();
    },
  };
}

function text(value: string | undefined): Buffer | undefined {
  return value === undefined ? undefined : Buffer.from(value);
}
