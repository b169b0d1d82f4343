import type { ExitCodes, StartService } from '@holdfast/process';

import { startConsumer } from './consumer/main.ts';
import { startProducer } from './producer/main.ts';

export { buildConsumerApp } from './consumer/app.ts';
export { consumerConfigSchema, readConsumerConfig } from './consumer/config.ts';
export type { ConsumerConfig, KeyRequestSettings } from './consumer/config.ts';
export type { ConsumerContext } from './consumer/context.ts';
export type { ShownMessage } from './consumer/message-board.ts';
export type { PageView } from './consumer/page/view.ts';
export { decryptMessage, encryptMessage, longestMessageBytes, parsePublicKey } from './crypto/message-cipher.ts';
export { errorCodes } from './error-codes.ts';
export { prepareTopic } from './kafka/prepare-topic.ts';
export { producerConfigSchema, readProducerConfig } from './producer/config.ts';
export type { ProducerConfig } from './producer/config.ts';
export { startConsumer, startProducer };

/** The manifests of the guide: consumer (with its Service) and producer. */
export const manifests: { readonly consumer: URL; readonly producer: URL } = {
  consumer: new URL('../manifests/consumer.yaml', import.meta.url),
  producer: new URL('../manifests/producer.yaml', import.meta.url),
};

/** The published sample exits with 1 when a variable is missing. */
const exitCodes: ExitCodes = { SAMPLE_SETTINGS_INVALID: 1 };

interface Service {
  readonly name: string;
  readonly start: StartService;
  readonly exitCodes: ExitCodes;
}

export const consumerService: Service = { name: 'encrypted-kafka-consumer', start: startConsumer, exitCodes };
export const producerService: Service = { name: 'encrypted-kafka-producer', start: startProducer, exitCodes };
