import { ConfigError, Secret } from '@holdfast/base';
import { eventHubsConnection, parseBrokers } from '@holdfast/kafka';
import type { KafkaConnection } from '@holdfast/kafka';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Variables of producer and consumer that say where the messages are, of both generations of the sample. */
export const kafkaVariables = {
  LOG_FILE: z.string().optional().meta({ description: 'Log file; standard output when empty' }),
  TOPIC: z.string().optional().meta({ description: 'Topic (my-topic)' }),
  BROKERS: z.string().optional().meta({
    description: 'Brokers as host:port, joined with commas (my-cluster-kafka-bootstrap:9092)',
  }),
  EVENTHUB_NAMESPACE: z.string().optional().meta({
    description: 'Event Hubs namespace; when set, the sample takes its later form and reads EVENTHUB and SOURCE',
  }),
  EVENTHUB: z.string().optional().meta({ description: 'Event hub, which is the topic' }),
  EVENTHUB_CONNECTION_STRING: z
    .string()
    .optional()
    .meta({ secret: true, description: 'Connection string of the namespace, sent as the SASL PLAIN password' }),
  SOURCE: z.string().optional().meta({ description: 'Tag of the messages, in their header source' }),
  KAFKA_TLS: z.boolean().optional().meta({ description: 'Whether brokers are talked to over TLS' }),
  KAFKA_CA_FILE: z.string().optional().meta({ description: 'Authorities of the brokers, PEM; those of the process' }),
  KAFKA_USERNAME: z.string().optional().meta({ description: 'SASL PLAIN user' }),
  KAFKA_PASSWORD: z.string().optional().meta({ secret: true, description: 'SASL PLAIN password' }),
} as const;

const schema = z.object(kafkaVariables);

export type KafkaVariables = z.output<typeof schema>;

/** Where the messages are. */
export interface KafkaSettings {
  /** `kafka`: the sample of the guide. `event-hubs`: its later form. */
  readonly form: 'kafka' | 'event-hubs';
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** What header `source` must be; undefined takes every message. */
  readonly source: string | undefined;
  readonly logFile: string | undefined;
}

const DEFAULT_TOPIC = 'my-topic';
/** The bootstrap Service of the example cluster of Strimzi, as seen from its namespace. */
const DEFAULT_BROKERS = 'my-cluster-kafka-bootstrap:9092';
const SAFE_TOPIC = /^[A-Za-z0-9._-]{1,249}$/;

/**
 * Where the messages are. An empty variable counts as unset; EVENTHUB_NAMESPACE decides about the form.
 * @throws ConfigError SAMPLE_SETTINGS_INVALID, KAFKA_BROKERS_INVALID
 */
export function readKafkaSettings(variables: KafkaVariables, clientId: string): KafkaSettings {
  const namespace = given(variables.EVENTHUB_NAMESPACE);
  const topic = namespace === undefined ? (given(variables.TOPIC) ?? DEFAULT_TOPIC) : given(variables.EVENTHUB);
  const topicName = namespace === undefined ? 'TOPIC' : 'EVENTHUB';
  if (topic === undefined) throw invalid(`${topicName}: missing, while EVENTHUB_NAMESPACE is set`);
  if (!SAFE_TOPIC.test(topic)) throw invalid(`${topicName}: not the name of a topic`);
  return {
    form: namespace === undefined ? 'kafka' : 'event-hubs',
    connection: namespace === undefined ? kafka(variables, clientId) : eventHubs(variables, namespace, clientId),
    topic,
    source: given(variables.SOURCE),
    logFile: given(variables.LOG_FILE),
  };
}

function kafka(variables: KafkaVariables, clientId: string): KafkaConnection {
  const username = given(variables.KAFKA_USERNAME);
  const password = given(variables.KAFKA_PASSWORD);
  if ((username === undefined) !== (password === undefined)) {
    throw invalid('KAFKA_USERNAME and KAFKA_PASSWORD: only one of them is set');
  }
  return {
    brokers: parseBrokers(given(variables.BROKERS) ?? DEFAULT_BROKERS),
    clientId,
    ...(variables.KAFKA_TLS === true ? { tls: tls(variables) } : {}),
    ...(username === undefined || password === undefined ? {} : { sasl: { username, password: new Secret(password) } }),
  };
}

/** BROKERS, when set, takes the place of the namespace's own address: private endpoints, emulators. */
function eventHubs(variables: KafkaVariables, namespace: string, clientId: string): KafkaConnection {
  const connectionString = given(variables.EVENTHUB_CONNECTION_STRING);
  const brokers = given(variables.BROKERS);
  if (connectionString === undefined) {
    if (brokers !== undefined) return kafka(variables, clientId);
    throw invalid('EVENTHUB_CONNECTION_STRING: missing; signing in with a managed identity is not offered');
  }
  return {
    ...eventHubsConnection({ namespace, connectionString: new Secret(connectionString), clientId }),
    ...(brokers === undefined ? {} : { brokers: parseBrokers(brokers) }),
    tls: tls(variables),
  };
}

function tls(variables: KafkaVariables): { readonly ca?: string } {
  const file = given(variables.KAFKA_CA_FILE);
  if (file === undefined) return {};
  try {
    return { ca: readFileSync(file, 'utf8') };
  } catch (cause) {
    throw invalid(`KAFKA_CA_FILE: cannot read ${file}`, cause);
  }
}

/** The value of a variable, which counts as unset when it is empty. */
export function given(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}

export function invalid(problem: string, cause?: unknown): ConfigError {
  return new ConfigError('SAMPLE_SETTINGS_INVALID', [problem], {
    ...(cause === undefined ? {} : { cause }),
    action: 'Correct the named settings.',
  });
}
