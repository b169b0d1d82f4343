import { ConfigError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';

/** Where a Kafka cluster is and how to get in. */
export interface KafkaConnection {
  /** `host:port` of brokers to ask first; they name all others. */
  readonly brokers: readonly string[];
  /** How this client calls itself in the logs of the brokers. */
  readonly clientId: string;
  /** TLS with the authorities of the process; plaintext when missing. `ca` (PEM) takes their place. */
  readonly tls?: { readonly ca?: string };
  /** SASL PLAIN (RFC 4616); none when missing. */
  readonly sasl?: { readonly username: string; readonly password: Secret };
  /** Longest time to connect, and longest time one request may take; 5 and 10 seconds when missing. */
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

const BROKER = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;

/**
 * Splits a comma-separated list of `host:port`, as clients of Kafka write their bootstrap brokers.
 * @throws ConfigError KAFKA_BROKERS_INVALID naming what is no `host:port`
 */
export function parseBrokers(text: string): readonly string[] {
  const brokers = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const wrong = brokers.filter((broker) => !BROKER.test(broker) || Number(broker.replace(/^.*:/, '')) > 65_535);
  if (brokers.length > 0 && wrong.length === 0) return brokers;
  const problems =
    brokers.length === 0 ? ['the list of brokers is empty'] : wrong.map((text_) => `"${text_}" is no broker`);
  throw new ConfigError('KAFKA_BROKERS_INVALID', problems, {
    action: 'Write brokers as host:port, joined with commas.',
  });
}

/** The user name that Azure Event Hubs wants beside a connection string. */
const EVENT_HUBS_USER = '$ConnectionString';
const EVENT_HUBS_PORT = 9093;

/**
 * The Kafka endpoint of an Azure Event Hubs namespace: TLS and SASL PLAIN with a connection string as the password.
 * @param namespace The name alone, or a host.
 * @see Microsoft: Azure Event Hubs for Apache Kafka, "Authentication with SAS"
 */
export function eventHubsConnection(options: {
  readonly namespace: string;
  readonly connectionString: Secret;
  readonly clientId: string;
}): KafkaConnection {
  const host = options.namespace.includes('.') ? options.namespace : `${options.namespace}.servicebus.windows.net`;
  return {
    brokers: [`${host}:${EVENT_HUBS_PORT}`],
    clientId: options.clientId,
    tls: {},
    sasl: { username: EVENT_HUBS_USER, password: options.connectionString },
  };
}

/** What every client of the library is made with. */
export function clientOptions(connection: KafkaConnection): {
  readonly clientId: string;
  readonly bootstrapBrokers: string[];
  readonly connectTimeout: number;
  readonly requestTimeout: number;
  readonly timeout: number;
  readonly retries: number;
  readonly retryDelay: number;
  readonly tls?: { readonly ca?: string };
  readonly tlsServerName?: boolean;
  readonly sasl?: { readonly mechanism: 'PLAIN'; readonly username: string; readonly password: string };
} {
  const requestTimeoutMs = connection.requestTimeoutMs ?? 10_000;
  return {
    clientId: connection.clientId,
    bootstrapBrokers: [...connection.brokers],
    connectTimeout: connection.connectTimeoutMs ?? 5_000,
    requestTimeout: requestTimeoutMs,
    timeout: Math.min(5_000, requestTimeoutMs),
    // Callers of this adapter decide about trying again; only a moment's disturbance is bridged here.
    retries: 1,
    retryDelay: 250,
    ...(connection.tls === undefined ? {} : { tls: { ...connection.tls }, tlsServerName: true }),
    ...(connection.sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: 'PLAIN' as const,
            username: connection.sasl.username,
            password: connection.sasl.password.reveal(),
          },
        }),
  };
}
