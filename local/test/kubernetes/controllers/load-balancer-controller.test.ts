import { afterEach, describe, expect, it, vi } from 'vitest';

import { LoopbackAddresses } from '../../../src/kubernetes/controllers/loopback-addresses.ts';
import type { ServiceObject } from '../../../src/kubernetes/controllers/objects.ts';
import { TcpForwarder } from '../../../src/kubernetes/controllers/tcp-forwarder.ts';
import { TestCluster } from './test-cluster.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** As for a user who may not open ports below 1024; nothing listens. */
function openAsOrdinaryUser(): void {
  vi.spyOn(TcpForwarder, 'open').mockImplementation(({ port }) =>
    port < 1024
      ? Promise.reject(Object.assign(new Error('permission denied'), { code: 'EACCES' }))
      : Promise.resolve({ port, close: () => Promise.resolve() } as unknown as TcpForwarder),
  );
}

async function front(cluster: TestCluster, ports: readonly number[]): Promise<ServiceObject> {
  return (await cluster.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'front', namespace: 'default' },
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'web' },
      ports: ports.map((port) => ({ name: `p${port}`, protocol: 'TCP', port, targetPort: 8080 })),
    },
  })) as unknown as ServiceObject;
}

describe('LoadBalancerController for a user who may not open port 80', () => {
  it('opens ports below 1024 higher, says in the status where, and tells why', async () => {
    openAsOrdinaryUser();
    const loadBalancers = new LoopbackAddresses('127.251.7');
    await using cluster = new TestCluster({ loadBalancers });
    await front(cluster, [80, 8443]);
    const [ingress] = cluster.cluster.find('Service', 'front', 'default')?.status?.loadBalancer?.ingress ?? [];
    expect(ingress).toMatchObject({
      ip: expect.stringMatching(/^127\.251\.7\./) as string,
      ports: [
        { port: 8080, protocol: 'TCP' },
        { port: 8443, protocol: 'TCP' },
      ],
    });
    const events = cluster.store.list({ apiVersion: 'v1', kind: 'Event' }) as unknown as readonly {
      readonly reason: string;
      readonly message: string;
    }[];
    expect(events.filter(({ reason }) => reason === 'PortNotPermitted').map(({ message }) => message)).toEqual([
      expect.stringMatching(/^this user may not open port 80: it is port 8080 of 127\.251\.7\.\d+; sysctl /),
    ]);
    await loadBalancers.close();
  });

  it('names no ports when all are where the Service has them', async () => {
    openAsOrdinaryUser();
    const loadBalancers = new LoopbackAddresses('127.251.8');
    await using cluster = new TestCluster({ loadBalancers });
    await front(cluster, [8443]);
    const [ingress] = cluster.cluster.find('Service', 'front', 'default')?.status?.loadBalancer?.ingress ?? [];
    expect(ingress).toEqual({ ip: expect.any(String) as string, ipMode: 'VIP' });
    await loadBalancers.close();
  });
});
