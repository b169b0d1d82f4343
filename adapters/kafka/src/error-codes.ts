import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  KAFKA_BROKERS_INVALID: {
    family: 'config',
    meaning: 'A list of brokers is empty or names something that is no host:port.',
    action: 'Write brokers as host:port, joined with commas.',
  },
  KAFKA_UNREACHABLE: {
    family: 'dependency',
    meaning: 'No broker of the list can be connected to, or the connection broke.',
    action: 'Check that the brokers run, and that their addresses, TLS and the network are right.',
  },
  KAFKA_TIMEOUT: {
    family: 'dependency',
    meaning: 'A broker did not answer in time.',
    action: 'Check the load of the brokers and the network.',
  },
  KAFKA_AUTHENTICATION_FAILED: {
    family: 'dependency',
    meaning: 'The brokers refuse the user name and password, or do not offer SASL PLAIN.',
    action: 'Check the connection string, or the user and its password.',
  },
  KAFKA_ACCESS_DENIED: {
    family: 'dependency',
    meaning: 'The user may not use the topic or the consumer group.',
    action: 'Give the user the right to read or write the topic, and to use the group.',
  },
  KAFKA_TOPIC_UNKNOWN: {
    family: 'dependency',
    meaning: 'There is no such topic, and the brokers do not create topics by themselves.',
    action: 'Create the topic, or correct its name.',
  },
  KAFKA_RECORD_REFUSED: {
    family: 'dependency',
    meaning: 'The brokers do not take a record, for example because it is too large.',
    action: 'Send less, or raise the limit of the topic.',
  },
  KAFKA_FAILED: {
    family: 'dependency',
    meaning: 'The brokers answered with an error that has no code of its own here.',
    action: 'Read the message, and the log of the brokers.',
  },
};
