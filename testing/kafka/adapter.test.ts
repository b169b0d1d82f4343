import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Secret } from '@holdfast/base';
import { consumeTopic, ensureTopic, eventHubsConnection, openKafkaProducer } from '@holdfast/kafka';
import type { ConsumptionState, KafkaConnection, KafkaConsumption, ReceivedRecord } from '@holdfast/kafka';
import { describe, expect, inject, it } from 'vitest';

import { freePortBase, waitFor } from '../src/index.ts';
import { KafkaBroker } from './support/broker.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const kafka = inject('kafka');
const scratch = temporaryFolder();
let topics = 0;
const newTopic = (): string => `adapter-${process.pid}-${(topics += 1)}`;

/** A consumption that keeps what it was told. */
class Listening implements AsyncDisposable {
  readonly records: ReceivedRecord[] = [];
  readonly states: ConsumptionState[] = [];
  readonly #consumption: KafkaConsumption;

  constructor(connection: KafkaConnection, topic: string, from: 'earliest' | 'latest', groupId = `group-${topic}`) {
    this.#consumption = consumeTopic({
      connection,
      topic,
      groupId,
      from,
      retry: { firstMs: 200, longestMs: 1000 },
      onRecord: (record) => this.records.push(record),
      onState: (state) => this.states.push(state),
    });
  }

  get texts(): string[] {
    return this.records.map(({ value }) => Buffer.from(value).toString());
  }

  async state(kind: ConsumptionState['kind'], after = 0): Promise<ConsumptionState> {
    const find = (): ConsumptionState | undefined => this.states.slice(after).find((state) => state.kind === kind);
    await waitFor(
      () => find() !== undefined,
      100_000,
      () => JSON.stringify(this.states),
    );
    return find() as ConsumptionState;
  }

  async receives(count: number): Promise<void> {
    await waitFor(
      () => this.records.length >= count,
      100_000,
      () => `${this.texts.join(', ')}\n${JSON.stringify(this.states)}`,
    );
  }

  close(): Promise<void> {
    return this.#consumption.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function send(connection: KafkaConnection, topic: string, texts: readonly string[]): Promise<void> {
  const producer = openKafkaProducer(connection);
  try {
    for (const text of texts) await producer.send({ topic, value: Buffer.from(text), headers: { source: 'test' } });
  } finally {
    await producer.close();
  }
}

const numbered = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `message ${String(from + index).padStart(3, '0')}`);

describe.skipIf(kafka === undefined)('the Kafka adapter against Apache Kafka', () => {
  const connection: KafkaConnection = { brokers: [kafka?.address ?? ''], clientId: 'test' };

  it('reads every partition once, in the order of each, from the beginning', async () => {
    const topic = newTopic();
    expect(await ensureTopic(connection, { topic, partitions: 3 })).toBe(3);
    expect(await ensureTopic(connection, { topic, partitions: 7 })).toBe(3);
    await send(connection, topic, numbered(0, 60));
    await using listening = new Listening(connection, topic, 'earliest');
    expect(await listening.state('reading')).toEqual({ kind: 'reading', partitions: [0, 1, 2] });
    await listening.receives(60);
    expect(listening.texts.toSorted()).toEqual(numbered(0, 60));
    for (const partition of [0, 1, 2]) {
      const own = listening.records.filter((record) => record.partition === partition);
      expect(own.map(({ offset }) => offset)).toEqual(Array.from({ length: 20 }, (_, index) => BigInt(index)));
      const texts = own.map(({ value }) => Buffer.from(value).toString());
      expect(texts).toEqual(texts.toSorted());
    }
    expect(Buffer.from(listening.records[0]?.headers.get('source') ?? []).toString()).toBe('test');
  });

  it('a group goes on where it was, also in partitions it had read nothing of', async () => {
    const topic = newTopic();
    await ensureTopic(connection, { topic, partitions: 3 });
    await send(connection, topic, ['before the group']);
    await using first = new Listening(connection, topic, 'latest');
    await first.state('reading');
    await send(connection, topic, ['one']); // partition 0 only
    await first.receives(1);
    await first.close();
    await send(connection, topic, ['while away 0', 'while away 1', 'while away 2']);
    await using second = new Listening(connection, topic, 'latest');
    await second.receives(3);
    expect(first.texts).toEqual(['one']);
    expect(second.texts.toSorted()).toEqual(['while away 0', 'while away 1', 'while away 2']);
  });

  it('a topic that does not exist is refused by name, and read as soon as somebody creates it', async () => {
    const topic = newTopic();
    await expect(send(connection, topic, ['x'])).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_UNKNOWN',
      retryable: true,
    });
    await using listening = new Listening(connection, topic, 'earliest');
    expect(await listening.state('waiting')).toMatchObject({ problem: { code: 'KAFKA_TOPIC_UNKNOWN' } });
    await ensureTopic(connection, { topic, partitions: 1 });
    await listening.state('reading');
    await send(connection, topic, ['here now']);
    await listening.receives(1);
    expect(listening.texts).toEqual(['here now']);
  });

  it('a record that is too large is refused for good', async () => {
    const topic = newTopic();
    await ensureTopic(connection, { topic, partitions: 1 });
    await expect(send(connection, topic, ['x'.repeat(2_000_000)])).rejects.toMatchObject({
      code: 'KAFKA_RECORD_REFUSED',
      retryable: false,
    });
  });

  describe('in the form of Event Hubs, TLS and SASL PLAIN', () => {
    const secured = (connectionString: string, tls: KafkaConnection['tls'] = {}): KafkaConnection => ({
      ...eventHubsConnection({ namespace: 'test', connectionString: new Secret(connectionString), clientId: 'test' }),
      brokers: [kafka?.securedAddress ?? ''],
      tls,
    });
    const ca = kafka === undefined ? '' : readFileSync(kafka.caFile, 'utf8');

    it('sends and receives with the connection string as the password', async () => {
      const topic = newTopic();
      const good = secured(kafka?.connectionString ?? '', { ca });
      await ensureTopic(good, { topic, partitions: 2 });
      await using listening = new Listening(good, topic, 'earliest');
      await send(good, topic, ['one', 'two']);
      await listening.receives(2);
      expect(listening.texts.toSorted()).toEqual(['one', 'two']);
    });

    it('a wrong connection string is refused for good, and is in no message', async () => {
      const wrong = 'Endpoint=sb://wrong/;SharedAccessKey=canary';
      const error: unknown = await send(secured(wrong, { ca }), newTopic(), ['x']).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'KAFKA_AUTHENTICATION_FAILED', retryable: false });
      expect(JSON.stringify(error) + String(error)).not.toContain('canary');
    });

    it('a broker whose certificate nobody vouches for is not talked to', async () => {
      const sent = send(secured(kafka?.connectionString ?? ''), newTopic(), ['x']);
      await expect(sent).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    });
  });

  it('waits for brokers that are not there, and again when they go away', { timeout: 300_000 }, async () => {
    const portBase = await freePortBase(3);
    const broker = new KafkaBroker({ jars: kafka?.jars ?? '', folder: join(scratch, `broker-${portBase}`), portBase });
    const late: KafkaConnection = { brokers: [broker.address], clientId: 'test' };
    const topic = newTopic();
    await using listening = new Listening(late, topic, 'latest');
    expect(await listening.state('waiting')).toMatchObject({
      problem: { code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('connection refused') as string },
    });
    try {
      await broker.start();
      await ensureTopic(late, { topic, partitions: 3 });
      await listening.state('reading');
      await send(late, topic, ['first']);
      await listening.receives(1);
      const before = listening.states.length;
      await broker.stop();
      await listening.state('waiting', before);
      await broker.start();
      await send(late, topic, ['second 0', 'second 1', 'second 2']);
      const all = ['first', 'second 0', 'second 1', 'second 2'];
      await waitFor(
        () => all.every((text) => listening.texts.includes(text)),
        100_000,
        () => listening.texts.join(', '),
      );
      // At least once: what was not committed when the broker went away may come again.
      expect([...new Set(listening.texts)].toSorted()).toEqual(all);
    } finally {
      await listening.close();
      await broker.stop();
    }
  });
});
