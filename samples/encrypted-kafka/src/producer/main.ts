import { setTimeout as pause } from 'node:timers/promises';

import { DependencyError } from '@holdfast/base';
import { createRetryDelays, openKafkaProducer } from '@holdfast/kafka';
import type { KafkaProducer } from '@holdfast/kafka';
import type { Logger, RunningService, StartService } from '@holdfast/process';

import { encryptMessage } from '../crypto/message-cipher.ts';
import { openLog } from '../logging.ts';
import { readProducerConfig } from './config.ts';
import type { ProducerConfig } from './config.ts';
import { burstMessages, steadyMessages } from './messages.ts';

const MODULUS_BYTES_SHOWN = 32;

/**
 * Starts the producer: encrypts messages with the public key and sends them until it is stopped. Brokers that are not there
 * are waited for; what only a person can correct ends it.
 */
export const startProducer: StartService = async (host): Promise<RunningService> => {
  const config = readProducerConfig(host);
  const log = openLog('encrypted-kafka-producer', config.kafka.logFile, host.logger);
  const producer = openKafkaProducer(config.kafka.connection);
  const stop = new AbortController();
  const { n = '' } = config.publicKey.export({ format: 'jwk' });
  log.logger.info(
    {
      topic: config.kafka.topic,
      brokers: config.kafka.connection.brokers,
      modulus: Buffer.from(n, 'base64url').subarray(0, MODULUS_BYTES_SHOWN).toString('hex'),
    },
    'sending messages that only the holder of the private key can read',
  );
  const loop = produce({ config, producer, logger: log.logger, stop: stop.signal }).catch((error: unknown) => {
    if (!stop.signal.aborted) host.fail(error);
  });
  return {
    addresses: {},
    stop: async () => {
      stop.abort();
      await loop;
      await producer.close();
      await log.close();
    },
  };
};

export interface ProduceOptions {
  readonly config: ProducerConfig;
  readonly producer: Pick<KafkaProducer, 'send'>;
  readonly logger: Logger;
  readonly stop: AbortSignal;
  readonly random?: () => number;
  /** Waits, or ends early when the producer is stopped. */
  readonly wait?: (ms: number, stop: AbortSignal) => Promise<void>;
}

/**
 * Sends messages until `stop`. A message that could not be sent is sent again before the next one, so that order is kept.
 * @throws DependencyError what is not worth trying again, such as refused credentials
 */
export async function produce(options: ProduceOptions): Promise<void> {
  const { config, stop } = options;
  const random = options.random ?? Math.random;
  const wait = options.wait ?? interruptiblePause;
  const messages =
    config.kafka.form === 'kafka'
      ? burstMessages(config.message, config.bursts, random)
      : steadyMessages(config.message);
  const { source } = config.kafka;
  for (const { text, pauseMs } of messages) {
    const record = {
      topic: config.kafka.topic,
      value: Buffer.from(encryptMessage(text, config.publicKey)),
      ...(source === undefined ? {} : { headers: { source } }),
    };
    await sendUntilDone(record, options, random, wait);
    if (!stop.aborted) await wait(pauseMs, stop);
    if (stop.aborted) return;
  }
}

async function sendUntilDone(
  record: Parameters<KafkaProducer['send']>[0],
  { producer, logger, stop }: ProduceOptions,
  random: () => number,
  wait: NonNullable<ProduceOptions['wait']>,
): Promise<void> {
  const delays = createRetryDelays({ firstMs: 1000, longestMs: 10_000, random });
  for (let failed = false; !stop.aborted; failed = true) {
    try {
      const { partition, offset } = await producer.send(record);
      if (failed) logger.info('the brokers take messages again');
      logger.debug({ partition, offset: String(offset) }, 'sent');
      return;
    } catch (error) {
      if (stop.aborted) return;
      if (!(error instanceof DependencyError) || !error.retryable) throw error;
      const retryInMs = delays.next();
      logger.warn({ code: error.code, action: error.action, retryInMs }, `${error.message}; trying again`);
      await wait(retryInMs, stop);
    }
  }
}

async function interruptiblePause(ms: number, stop: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal: stop }).catch(() => undefined); // stopped meanwhile
}
