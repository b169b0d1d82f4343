import { ensureTopic, parseBrokers } from '@holdfast/kafka';

/**
 * Makes sure that brokers in plaintext have a topic, and answers how many partitions it has.
 * @param brokers `host:port`, joined with commas.
 * @throws ConfigError KAFKA_BROKERS_INVALID
 * @throws DependencyError KAFKA_UNREACHABLE and others of the Kafka adapter
 */
export function prepareTopic(brokers: string, topic: string, partitions: number): Promise<number> {
  return ensureTopic({ brokers: parseBrokers(brokers), clientId: 'holdfast' }, { topic, partitions });
}
