import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag, wholeNumber } from './flags.ts';
import { lazily } from './lazily.ts';

export interface EncryptedKafkaFlags {
  readonly kafka: string;
  readonly topic: string;
  readonly message: string;
  readonly port: number;
  readonly home: string;
  readonly portBase?: number;
  readonly tamper: boolean;
  readonly outsideTee: boolean;
  readonly check: boolean;
  readonly json: boolean;
}

const yes = (brief: string) => ({ kind: 'boolean', brief, default: false, withNegated: false }) as const;
const text = (brief: string, placeholder: string, value: string) =>
  ({ kind: 'parsed', parse: String, brief, placeholder, default: value }) as const;

const encryptedKafkaCommand: Command<CliContext> = buildCommand<EncryptedKafkaFlags, [], CliContext>({
  loader: lazily(async () => (await import('../sample/run-encrypted-kafka.ts')).runEncryptedKafka),
  parameters: {
    flags: {
      kafka: { kind: 'parsed', parse: String, brief: 'Brokers, joined with commas', placeholder: 'HOST:PORT' },
      topic: text('Topic; made with three partitions when there is none', 'NAME', 'kafka-demo-topic'),
      message: text('Text of the messages', 'TEXT', 'Azure Confidential Computing'),
      port: { kind: 'parsed', parse: wholeNumber, brief: 'Port of the page', placeholder: 'N', default: '3333' },
      home: text('Home folder of the local cloud that is used', 'DIR', '.holdfast-kafka'),
      portBase: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'First of nine ports in a row for the local cloud',
        placeholder: 'N',
        optional: true,
      },
      tamper: yes("Change the consumer's policy after the key was made, so that the key is refused"),
      outsideTee: yes('Run the consumer as an ordinary pod, without a guest and without the sidecar'),
      check: yes('Prove that messages arrive as they should, stop, and exit with 0 or 1'),
      json: jsonFlag,
    },
  },
  docs: {
    brief: 'End-to-end encrypted messages over Kafka: only an attested consumer can read them',
    fullDescription:
      'Starts the Azure endpoints and the attestation service of a local cloud, makes a key that is released only to the ' +
      "consumer's pod, runs that pod and the producer against your Kafka, and shows what the consumer can read. Ctrl-C " +
      'stops everything.',
  },
});

export const sampleRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { encryptedKafka: encryptedKafkaCommand },
  docs: { brief: 'Complete examples that run on this machine' },
});
