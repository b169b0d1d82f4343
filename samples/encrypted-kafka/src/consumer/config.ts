import type { KeyObject } from 'node:crypto';

import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { z } from 'zod';

import { parsePublicKey } from '../crypto/message-cipher.ts';
import { given, invalid, kafkaVariables, readKafkaSettings } from '../kafka/settings.ts';
import type { KafkaSettings } from '../kafka/settings.ts';

export const consumerConfigSchema = z.object({
  ...kafkaVariables,
  CONSUMERGROUP: z.string().optional().meta({
    description: 'Consumer group (strimzikafkaconsumergroupid, with Event Hubs $Default)',
  }),
  SkrClientKID: z.string().optional().meta({ description: 'Name of the key; without one nothing is decrypted' }),
  SkrClientMAAEndpoint: z.string().optional().meta({ description: 'Host of the attestation service' }),
  SkrClientAKVEndpoint: z.string().optional().meta({ description: 'Host of the vault or managed HSM' }),
  PUBKEY: z.string().optional().meta({ description: 'Public key of the producer; the released key must belong to it' }),
  sidecar_url: z
    .url({ protocol: /^http$/ })
    .default('http://localhost:8080')
    .meta({ description: 'Address of the sidecar of this pod' }),
  host: z.string().default('0.0.0.0').meta({ description: 'Address that the page is served on' }),
  port: z.int().min(0).max(65535).default(3333).meta({ description: 'Port of the page' }),
  page_heading: z.enum(['shown', 'guide']).default('shown').meta({
    description:
      'shown: the heading describes the message on the page. guide: as in the published sample, "Encrypted" with the key',
  }),
});

/** What the sidecar is asked for. */
export interface KeyRequestSettings {
  readonly sidecarUrl: string;
  readonly kid: string;
  readonly attestationHost: string;
  readonly vaultHost: string;
}

export interface ConsumerConfig {
  readonly kafka: KafkaSettings;
  readonly groupId: string;
  /** Undefined: no key is named. */
  readonly keyRequest: KeyRequestSettings | undefined;
  readonly expectedKey: KeyObject | undefined;
  readonly host: string;
  readonly port: number;
  readonly heading: 'shown' | 'guide';
}

const LATER_FORM_VARIABLES = ['LOG_FILE', 'EVENTHUB', 'SOURCE'] as const;

/**
 * The settings of the consumer.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE, SAMPLE_SETTINGS_INVALID, KAFKA_BROKERS_INVALID,
 *   SAMPLE_PUBLIC_KEY_INVALID
 */
export function readConsumerConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): ConsumerConfig {
  const config = loadConfig({
    schema: consumerConfigSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const kafka = readKafkaSettings(config, 'encrypted-kafka-consumer');
  if (kafka.form === 'event-hubs') {
    const missing = LATER_FORM_VARIABLES.filter((name) => config[name] === undefined);
    if (missing.length > 0) throw invalid(`${missing.join(', ')}: must exist with EVENTHUB_NAMESPACE, even if empty`);
  }
  const kid = given(config.SkrClientKID);
  const publicKey = given(config.PUBKEY);
  return {
    kafka,
    groupId: given(config.CONSUMERGROUP) ?? (kafka.form === 'kafka' ? 'strimzikafkaconsumergroupid' : '$Default'),
    keyRequest:
      kid === undefined
        ? undefined
        : {
            sidecarUrl: config.sidecar_url.replace(/\/+$/, ''),
            kid,
            attestationHost: given(config.SkrClientMAAEndpoint) ?? '',
            vaultHost: given(config.SkrClientAKVEndpoint) ?? '',
          },
    expectedKey: publicKey === undefined ? undefined : parsePublicKey(publicKey, 'PUBKEY'),
    host: config.host,
    port: config.port,
    heading: config.page_heading,
  };
}
