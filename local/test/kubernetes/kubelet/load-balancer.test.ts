import { Agent, request } from 'node:http';

import { describe, expect, it } from 'vitest';

import { isReady } from '../../../src/kubernetes/controllers/pods.ts';
import { freePortBase } from '../../../testing/free-port-base.ts';
import { RunningCluster, serverScript } from './test-local-cluster.ts';

const PORT = 18_080;

function service(selector: Readonly<Record<string, string>>): Parameters<RunningCluster['apply']>[0] {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'front' },
    spec: { type: 'LoadBalancer', selector, ports: [{ protocol: 'TCP', port: PORT, targetPort: 8080 }] },
  };
}

async function frontAddress(cluster: RunningCluster): Promise<string> {
  const address = (): string | undefined =>
    cluster.cluster.find('Service', 'front', 'default')?.status?.loadBalancer?.ingress?.[0]?.ip;
  await cluster.until(() => address() !== undefined);
  return address() ?? '';
}

const slot = (version: string): Readonly<Record<string, unknown>> => ({
  script: serverScript(8080, version),
  container: { readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 } },
});

describe('a service of type LoadBalancer', () => {
  it('switches with its selector without a failed request, and keeps what is connected', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.applyDeployment('v1', 2, slot('v1'));
    cluster.applyDeployment('v2', 1, slot('v2'));
    cluster.apply(service({ app: 'v1' }));
    const url = `http://${await frontAddress(cluster)}:${PORT}/`;
    await cluster.allReady('v1', 2);
    await cluster.allReady('v2', 1);
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await get(url, kept)).toBe('v1');
    const seen: string[] = [];
    const stop = new AbortController();
    const load = (async () => {
      while (!stop.signal.aborted) seen.push(await get(url));
    })();
    await cluster.until(() => seen.length > 20);
    cluster.apply(service({ app: 'v2' }));
    const flippedAt = seen.length;
    expect(await get(url, kept)).toBe('v1');
    await cluster.until(() => seen.length > flippedAt + 20);
    cluster.remove('Deployment', 'v1');
    await cluster.until(() => cluster.podsOf('v1').length === 0);
    await cluster.until(() => seen.length > flippedAt + 40);
    stop.abort();
    await load;
    kept.destroy();
    expect(new Set(seen.slice(0, flippedAt))).toEqual(new Set(['v1']));
    expect(new Set(seen.slice(flippedAt + 2))).toEqual(new Set(['v2']));
  });

  it('serves through a rolling restart without a failed request', async () => {
    await using cluster = await RunningCluster.start({}, false);
    const parts = slot('web');
    cluster.applyDeployment('web', 1, parts);
    cluster.apply(service({ app: 'web' }));
    const url = `http://${await frontAddress(cluster)}:${PORT}/`;
    await cluster.allReady('web', 1);
    const [before] = cluster.podsOf('web');
    const stop = new AbortController();
    let answered = 0;
    const load = (async () => {
      for (; !stop.signal.aborted; answered += 1) await get(url);
    })();
    cluster.applyDeployment('web', 1, { ...parts, annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } });
    await cluster.until(() => {
      const pods = cluster.podsOf('web');
      return pods.length === 1 && pods.every(isReady) && pods[0]?.metadata.uid !== before?.metadata.uid;
    });
    const then = answered;
    await cluster.until(() => answered > then + 10);
    stop.abort();
    await load;
  });

  it('also answers where it is published, and tells webhooks where a pod answers', async () => {
    const port = await freePortBase(1);
    const published = [{ namespace: 'default', service: 'front', servicePort: PORT, host: '127.0.0.1', port }];
    await using cluster = await RunningCluster.start({}, false, { published });
    const place = { namespace: 'default', name: 'front', port: PORT };
    cluster.apply(service({ app: 'web' }));
    await frontAddress(cluster);
    expect(cluster.local.serviceUrl(place)).toBeUndefined();
    cluster.applyDeployment('web', 1, slot('web'));
    await cluster.allReady('web', 1);
    expect(await get(`http://127.0.0.1:${port}/`)).toBe('web');
    expect(cluster.local.serviceUrl(place)).toBe(`https://${cluster.podsOf('web')[0]?.status?.podIP}:8080`);
  });

  it('refuses connections while nothing is ready behind it, and stops listening when it is gone', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.apply(service({ app: 'nobody' }));
    const url = `http://${await frontAddress(cluster)}:${PORT}/`;
    await expect(get(url)).rejects.toThrow('ECONNRESET');
    cluster.remove('Service', 'front');
    await cluster.local.settled();
    await expect(get(url)).rejects.toThrow('ECONNREFUSED');
  });
});

function get(url: string, agent: Agent = new Agent()): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.once('end', () => resolve(text));
      answer.once('error', reject);
    });
    asked.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(error.code ?? error.message, { cause: error })),
    );
    asked.end();
  });
}
