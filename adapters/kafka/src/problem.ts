import { DependencyError, errorMessage, PlatformError } from '@holdfast/base';
import { TimeoutError, UserError } from '@platformatic/kafka';

import type { KafkaConnection } from './connection.ts';
import { errorCodes } from './error-codes.ts';

type KafkaCode = Exclude<keyof typeof errorCodes, number>;

/** Error codes of the Kafka protocol (its names) that have a code of their own here. */
const BY_PROTOCOL: Readonly<Record<string, KafkaCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'KAFKA_TOPIC_UNKNOWN',
  UNKNOWN_TOPIC_ID: 'KAFKA_TOPIC_UNKNOWN',
  TOPIC_AUTHORIZATION_FAILED: 'KAFKA_ACCESS_DENIED',
  GROUP_AUTHORIZATION_FAILED: 'KAFKA_ACCESS_DENIED',
  CLUSTER_AUTHORIZATION_FAILED: 'KAFKA_ACCESS_DENIED',
  SASL_AUTHENTICATION_FAILED: 'KAFKA_AUTHENTICATION_FAILED',
  UNSUPPORTED_SASL_MECHANISM: 'KAFKA_AUTHENTICATION_FAILED',
  ILLEGAL_SASL_STATE: 'KAFKA_AUTHENTICATION_FAILED',
  MESSAGE_TOO_LARGE: 'KAFKA_RECORD_REFUSED',
  RECORD_LIST_TOO_LARGE: 'KAFKA_RECORD_REFUSED',
  INVALID_RECORD: 'KAFKA_RECORD_REFUSED',
};

/** Codes of the client library, which are its own. */
const BY_LIBRARY: Readonly<Record<string, KafkaCode>> = {
  PLT_KFK_AUTHENTICATION: 'KAFKA_AUTHENTICATION_FAILED',
  PLT_KFK_NETWORK: 'KAFKA_UNREACHABLE',
};

/** What somebody has to change first; the same call again changes nothing. */
const FINAL: ReadonlySet<KafkaCode> = new Set([
  'KAFKA_AUTHENTICATION_FAILED',
  'KAFKA_ACCESS_DENIED',
  'KAFKA_RECORD_REFUSED',
]);

/** Most causes that are looked into: errors of the library nest, and one of them could nest in itself. */
const MAX_CAUSES = 32;

/**
 * The error of ours for whatever the client library failed with. Its details name the brokers and the protocol's own name of
 * the error; user names and passwords are in neither.
 */
export function kafkaProblem(error: unknown, what: string, connection: KafkaConnection): DependencyError {
  if (error instanceof DependencyError) return error;
  const causes = causesOf(error);
  const names = causes.flatMap((cause) => stringMember(cause, 'apiId'));
  const codes = causes.flatMap((cause) => stringMember(cause, 'code'));
  const code: KafkaCode =
    (causes.some(isUnknownTopic) ? 'KAFKA_TOPIC_UNKNOWN' : undefined) ??
    // By class: the library gives a timeout the code of a broken connection.
    (causes.some((cause) => cause instanceof TimeoutError) ? 'KAFKA_TIMEOUT' : undefined) ??
    names.map((name) => BY_PROTOCOL[name]).find((known) => known !== undefined) ??
    codes.map((name) => BY_LIBRARY[name]).find((known) => known !== undefined) ??
    (codes.some((name) => /^(?:ECONN|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|ETIMEDOUT|ERR_TLS|CERT_|DEPTH_|SELF_)/.test(name))
      ? 'KAFKA_UNREACHABLE'
      : 'KAFKA_FAILED');
  const brokers = connection.brokers.join(', ');
  return new DependencyError(code, `${what}: ${sentence(code, brokers, causes)}`, {
    retryable: !FINAL.has(code),
    cause: error,
    details: { brokers: connection.brokers, ...(names[0] === undefined ? {} : { kafkaError: names[0] }) },
    action: errorCodes[code]?.action ?? '',
  });
}

/** The library replaces this one answer of a broker with an error that carries neither its name nor its number. */
function isUnknownTopic(error: unknown): boolean {
  return error instanceof UserError && error.message.startsWith('Unknown topic ');
}

function sentence(code: KafkaCode, brokers: string, causes: readonly unknown[]): string {
  switch (code) {
    case 'KAFKA_UNREACHABLE':
      return `cannot reach a broker at ${brokers}${reason(causes)}`;
    case 'KAFKA_TIMEOUT':
      return `${brokers} did not answer in time`;
    case 'KAFKA_AUTHENTICATION_FAILED':
      return `${brokers} refuses the user name or password`;
    case 'KAFKA_TOPIC_UNKNOWN':
      return `${brokers} has no such topic`;
    default:
      return `${brokers} answered: ${errorMessage(causes.at(-1) ?? 'no reason given')}`;
  }
}

/** `: connection refused`, from the operating system's or TLS's own code deep inside. */
function reason(causes: readonly unknown[]): string {
  const code = causes.flatMap((cause) => stringMember(cause, 'code')).find((name) => !name.startsWith('PLT_KFK_'));
  if (code === undefined) return '';
  return `: ${code === 'ECONNREFUSED' ? 'connection refused' : code}`;
}

/** The error, its causes and its parts, outermost first. */
function causesOf(error: unknown): unknown[] {
  const found: unknown[] = [];
  const waiting: unknown[] = [error];
  while (waiting.length > 0 && found.length < MAX_CAUSES) {
    const next = waiting.shift();
    if (next === undefined || next === null || next instanceof PlatformError || found.includes(next)) continue;
    found.push(next);
    if (next instanceof AggregateError) waiting.push(...(next.errors as unknown[]));
    if (next instanceof Error) waiting.push(next.cause);
  }
  return found;
}

function stringMember(value: unknown, name: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const member: unknown = (value as Readonly<Record<string, unknown>>)[name];
  return typeof member === 'string' ? [member] : [];
}
