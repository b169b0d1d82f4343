import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { toUtf8 } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ServiceHost } from '@holdfast/process';
import { z } from 'zod';

import { parsePublicKey, requireFits } from '../crypto/message-cipher.ts';
import { given, invalid, kafkaVariables, readKafkaSettings } from '../kafka/settings.ts';
import type { KafkaSettings } from '../kafka/settings.ts';

const seconds = (value: number, description: string) => z.number().min(0).default(value).meta({ description });

export const producerConfigSchema = z.object({
  ...kafkaVariables,
  MSG: z.string().optional().meta({ description: 'Text of the messages' }),
  PUBKEY: z
    .string()
    .optional()
    .meta({ description: 'RSA public key, PEM SubjectPublicKeyInfo; PUBKEY_FILE when empty' }),
  PUBKEY_FILE: z.string().min(1).default('pubkey.pem').meta({ description: 'File with the key, when PUBKEY is empty' }),
  RATE: z.int().min(1).default(10).meta({ description: 'Messages in a burst' }),
  RATEDEVIATION: z.int().min(0).default(2).meta({ description: 'More or fewer of them, at random' }),
  SENDDURATION: seconds(5, 'Length of a burst, seconds'),
  SENDDURATIONDEVIATION: seconds(2, 'Longer or shorter at random, seconds'),
  RESTDURATION: seconds(10, 'Pause between bursts, seconds'),
  RESTDURATIONDEVIATION: seconds(2, 'Longer or shorter at random, seconds'),
});

export interface BurstSettings {
  readonly count: Spread;
  readonly durationMs: Spread;
  readonly restMs: Spread;
}

/** A number and how far from it a drawn one may lie. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

export interface ProducerConfig {
  readonly kafka: KafkaSettings;
  readonly message: string;
  readonly publicKey: KeyObject;
  readonly bursts: BurstSettings;
}

const DEFAULT_MESSAGE = 'Azure Confidential Computing';
/** Variables of the later form, which must exist there, even if they are empty. */
const LATER_FORM_VARIABLES = ['LOG_FILE', 'EVENTHUB', 'MSG', 'SOURCE', 'PUBKEY'] as const;

/**
 * The settings of the producer.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE, SAMPLE_SETTINGS_INVALID, KAFKA_BROKERS_INVALID,
 *   SAMPLE_PUBLIC_KEY_INVALID, SAMPLE_MESSAGE_TOO_LONG
 */
export function readProducerConfig(host: Pick<ServiceHost, 'env' | 'configFile'>): ProducerConfig {
  const config = loadConfig({
    schema: producerConfigSchema,
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const kafka = readKafkaSettings(config, 'encrypted-kafka-producer');
  if (kafka.form === 'event-hubs') {
    const missing = LATER_FORM_VARIABLES.filter((name) => config[name] === undefined);
    if (missing.length > 0) throw invalid(`${missing.join(', ')}: must exist with EVENTHUB_NAMESPACE, even if empty`);
  }
  const message = given(config.MSG) ?? DEFAULT_MESSAGE;
  const publicKey = readPublicKey(config);
  // The longest number there can be: of a burst, or of more messages than a lifetime has seconds.
  const prefix = kafka.form === 'kafka' ? `Msg ${config.RATE + config.RATEDEVIATION}: ` : 'Message Id 9999999999: ';
  requireFits(toUtf8(prefix + message).length, publicKey);
  return {
    kafka,
    message,
    publicKey,
    bursts: {
      count: { mean: config.RATE, deviation: config.RATEDEVIATION },
      durationMs: { mean: config.SENDDURATION * 1000, deviation: config.SENDDURATIONDEVIATION * 1000 },
      restMs: { mean: config.RESTDURATION * 1000, deviation: config.RESTDURATIONDEVIATION * 1000 },
    },
  };
}

function readPublicKey(config: z.output<typeof producerConfigSchema>): KeyObject {
  const text = given(config.PUBKEY);
  if (text !== undefined) return parsePublicKey(text, 'PUBKEY');
  try {
    return parsePublicKey(readFileSync(config.PUBKEY_FILE, 'utf8'), `PUBKEY_FILE ${config.PUBKEY_FILE}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw invalid(`PUBKEY: missing, and there is no file ${config.PUBKEY_FILE}`, error);
  }
}
