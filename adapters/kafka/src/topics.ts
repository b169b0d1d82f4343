import { Admin } from '@platformatic/kafka';

import { clientOptions } from './connection.ts';
import type { KafkaConnection } from './connection.ts';
import { kafkaProblem } from './problem.ts';

/**
 * Makes sure that a topic exists and answers how many partitions it has. One that exists is left as it is.
 * @throws DependencyError as sending does
 */
export async function ensureTopic(
  connection: KafkaConnection,
  options: { readonly topic: string; readonly partitions: number },
): Promise<number> {
  const admin = new Admin(clientOptions(connection));
  const { topic } = options;
  try {
    const topics = await admin.listTopics();
    if (!topics.includes(topic)) {
      await admin.createTopics({ topics: [topic], partitions: options.partitions, replicas: 1 });
    }
    const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
    return metadata.topics.get(topic)?.partitionsCount ?? 0;
  } catch (error) {
    throw kafkaProblem(error, `cannot find or create topic ${topic}`, connection);
  } finally {
    await admin.close();
  }
}
