import { DependencyError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { gatherPodFacts } from '../../src/index.ts';
import type { KubernetesObject, KubernetesPort } from '../../src/index.ts';
import { now, podFacts, restarting } from './pods.ts';

const refused = (): Promise<never> =>
  Promise.reject(new DependencyError('KUBERNETES_REQUEST_FAILED', 'forbidden', { retryable: false }));

function event(name: string, message: string, lastTimestamp: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: message },
    involvedObject: { name },
    type: 'Warning',
    reason: 'Failed',
    message,
    lastTimestamp,
  };
}

/** A cluster with one pod that restarts. */
function cluster(more: Partial<KubernetesPort> = {}): KubernetesPort {
  const { pod } = podFacts({ operator: restarting });
  const port: Partial<KubernetesPort> = {
    read: async ({ name }) => (name === pod.metadata.name ? pod : undefined),
    list: async (_apiVersion, kind) =>
      kind === 'Event'
        ? [
            event(pod.metadata.name, 'later', '2026-11-22T11:59:00Z'),
            event('another-pod', 'theirs', '2026-11-22T11:58:00Z'),
            event(pod.metadata.name, 'earlier', '2026-11-22T11:57:00Z'),
          ]
        : [],
    logs: async (_namespace, _pod, options) => `${options?.container} ${options?.previous === true ? 'before' : 'now'}`,
    ...more,
  };
  return port as KubernetesPort;
}

const gather = (port: KubernetesPort) => gatherPodFacts(port, 'default', 'operator-5-58-0-abc', now);

describe('gatherPodFacts', () => {
  it('reads the events of the pod in order, and the log of the instance before where there was one', async () => {
    const facts = await gather(cluster());
    expect(facts.events.map(({ message }) => message)).toEqual(['earlier', 'later']);
    expect(facts.logs['uid2-operator']).toEqual({ current: 'uid2-operator now', previous: 'uid2-operator before' });
    expect(facts.logs['skr']).toEqual({ current: 'skr now', previous: undefined });
  });

  it('leaves out what the cluster does not give', async () => {
    const facts = await gather(cluster({ logs: refused, list: refused }));
    expect(facts).toMatchObject({ events: [], virtualNodes: undefined });
    expect(facts.logs['uid2-operator']).toEqual({ current: undefined, previous: undefined });
  });

  it('does not hide a defect behind missing facts', async () => {
    const broken = cluster({ logs: () => Promise.reject(new TypeError('defect')) });
    await expect(gather(broken)).rejects.toThrow('defect');
  });

  it('says so when there is no such pod', async () => {
    await expect(gatherPodFacts(cluster(), 'default', 'nobody', now)).rejects.toMatchObject({ code: 'POD_NOT_FOUND' });
  });
});
