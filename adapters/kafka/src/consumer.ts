import { setTimeout as pause } from 'node:timers/promises';

import type { DependencyError } from '@holdfast/base';
import { Consumer, MessagesStreamFallbackModes, MessagesStreamModes } from '@platformatic/kafka';
import type { Message, MessagesStream } from '@platformatic/kafka';

import { clientOptions } from './connection.ts';
import type { KafkaConnection } from './connection.ts';
import { kafkaProblem } from './problem.ts';
import { createRetryDelays } from './retry-delays.ts';

/** One message as it arrived. */
export interface ReceivedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since the epoch, as the producer or the broker stamped it. */
  readonly timestampMs: number;
  /** Empty for a tombstone. */
  readonly value: Uint8Array;
  /** Header names are text; of a repeated one the last counts. */
  readonly headers: ReadonlyMap<string, Uint8Array>;
}

export type ConsumptionState =
  | { readonly kind: 'connecting' }
  /** Partitions this member of the group reads; none when others read them all. */
  | { readonly kind: 'reading'; readonly partitions: readonly number[] }
  | { readonly kind: 'waiting'; readonly problem: DependencyError; readonly retryInMs: number };

export interface ConsumeOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  /** Where a group begins that has read nothing yet. */
  readonly from: 'earliest' | 'latest';
  /** Called for each record, in order within a partition. Must not throw. */
  readonly onRecord: (record: ReceivedRecord) => void;
  readonly onState: (state: ConsumptionState) => void;
  /** Shortest and longest wait after a failure; half a second and 15 seconds when missing. */
  readonly retry?: { readonly firstMs: number; readonly longestMs: number };
  readonly random?: () => number;
}

export interface KafkaConsumption {
  /** Leaves the group. Nothing is told afterwards. */
  close(): Promise<void>;
}

/** A member that was killed is missed after this long, and its partitions go to the others. */
const SESSION_TIMEOUT_MS = 10_000;
const REBALANCE_TIMEOUT_MS = 15_000;
const HEARTBEAT_MS = 2_000;
/** Longest time one fetch waits for records, which is also how long leaving can take. */
const FETCH_WAIT_MS = 1_000;
const COMMIT_INTERVAL_MS = 1_000;
const CLOSE_DEADLINE_MS = 5_000;

type RawConsumer = Consumer;
type RawStream = MessagesStream<Buffer, Buffer, Buffer, Buffer>;

/**
 * Reads all partitions of a topic as a member of a consumer group, until it is closed. Whatever goes wrong is told as a
 * state and tried again with growing waits: brokers that are not there yet, a topic that is created later, refused
 * credentials that somebody corrects. A group goes on where it was; a new one begins at `from`.
 */
export function consumeTopic(options: ConsumeOptions): KafkaConsumption {
  const stop = new AbortController();
  // Not before the caller has what this function answers.
  const loop = Promise.resolve().then(() => consumeUntil(stop.signal, options));
  return {
    async close() {
      stop.abort();
      await loop;
    },
  };
}

async function consumeUntil(stop: AbortSignal, options: ConsumeOptions): Promise<void> {
  const delays = createRetryDelays({
    ...(options.retry ?? { firstMs: 500, longestMs: 15_000 }),
    random: options.random ?? Math.random,
  });
  while (!stop.aborted) {
    options.onState({ kind: 'connecting' });
    try {
      await consumeOnce(stop, options, () => delays.reset());
    } catch (error) {
      if (stop.aborted) return;
      const problem = kafkaProblem(error, `cannot read topic ${options.topic}`, options.connection);
      const retryInMs = delays.next();
      options.onState({ kind: 'waiting', problem, retryInMs });
      await pause(retryInMs, undefined, { signal: stop }).catch(() => undefined); // told to stop meanwhile
    }
  }
}

/** One connection: joins the group and reads until something fails or `stop` is told. */
async function consumeOnce(stop: AbortSignal, options: ConsumeOptions, onReading: () => void): Promise<void> {
  const consumer: RawConsumer = new Consumer({
    ...clientOptions(options.connection),
    groupId: options.groupId,
    sessionTimeout: SESSION_TIMEOUT_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTime: FETCH_WAIT_MS,
  });
  let stream: RawStream | undefined;
  let closing: Promise<void> | undefined;
  // Closing hands over what is buffered and commits it; destroying would have it delivered once more.
  const end = (): void => {
    closing ??= stream?.close();
  };
  stop.addEventListener('abort', end, { once: true });
  try {
    stream = await consumer.consume({
      topics: [options.topic],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode:
        options.from === 'earliest' ? MessagesStreamFallbackModes.EARLIEST : MessagesStreamFallbackModes.LATEST,
      autocommit: COMMIT_INTERVAL_MS,
    });
    const current = stream;
    current.on('offsets', () => {
      if (stop.aborted) return;
      const partitions = assignedPartitions(consumer, options.topic);
      void commitStart(consumer, current, options.topic, partitions);
      onReading();
      options.onState({ kind: 'reading', partitions });
    });
    // A failed commit is tried again at the next interval; the broken connection behind it ends the stream.
    current.on('autocommit', () => undefined);
    if (stop.aborted) return;
    for await (const message of current) options.onRecord(receivedRecord(message));
    if (!stop.aborted) throw new Error('the stream of records ended');
  } finally {
    stop.removeEventListener('abort', end);
    await withinDeadline(async () => {
      await closing;
      await consumer.close(true);
    });
  }
}

function assignedPartitions(consumer: RawConsumer, topic: string): readonly number[] {
  return (consumer.assignments ?? [])
    .filter((assignment) => assignment.topic === topic)
    .flatMap(({ partitions }) => partitions)
    .sort((one, other) => one - other);
}

/**
 * Commits where reading begins. Without it a group that has read nothing of a partition would begin at the newest record
 * again after a lost connection, and miss what was sent meanwhile.
 */
async function commitStart(
  consumer: RawConsumer,
  stream: RawStream,
  topic: string,
  partitions: readonly number[],
): Promise<void> {
  const offsets = partitions.flatMap((partition) => {
    const offset = stream.offsetsToFetch.get(`${topic}:${partition}`);
    return offset === undefined ? [] : [{ topic, partition, offset, leaderEpoch: -1 }];
  });
  if (offsets.length === 0) return;
  try {
    await consumer.commit({ offsets });
  } catch {
    // Only a convenience for later; a broker that is really gone ends the stream.
  }
}

/** Leaves the group; a broker that is gone cannot be told, and notices by itself. */
async function withinDeadline(leave: () => Promise<void>): Promise<void> {
  const done = new AbortController();
  const late = pause(CLOSE_DEADLINE_MS, undefined, { signal: done.signal }).catch(() => undefined);
  try {
    await Promise.race([leave(), late]);
  } catch {
    // What can be released is released; the session ends at the broker by itself.
  } finally {
    done.abort();
  }
}

function receivedRecord(message: Message): ReceivedRecord {
  const headers = new Map<string, Uint8Array>();
  for (const [name, value] of message.headerEntries) headers.set(String(name), value);
  const value: Buffer | null | undefined = message.value;
  return {
    topic: message.topic,
    partition: message.partition,
    offset: message.offset,
    timestampMs: Number(message.timestamp),
    value: value ?? new Uint8Array(),
    headers,
  };
}
