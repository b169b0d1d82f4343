import type { KubernetesObject, KubernetesPort } from '@holdfast/deployment';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { errorCodes, KubernetesError, openKubernetes } from '../src/index.ts';
import { kubeconfigFor, sendJson, sendStatus, startFakeApiServer } from '../testing/fake-api-server.ts';
import type { FakeApiServer } from '../testing/fake-api-server.ts';

let server: FakeApiServer;
let cluster: KubernetesPort;

const POD: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n' },
  spec: { futureField: { deep: [1, null, 'x'] }, containers: [{ name: 'c', unknownToTheClient: true }] },
};

beforeAll(async () => {
  server = await startFakeApiServer();
  cluster = await openKubernetes(kubeconfigOf(), { retryDelayMs: 1 });
});
afterAll(async () => {
  await server.close();
});

function kubeconfigOf(namespace?: string): string {
  const cluster_ = { 'insecure-skip-tls-verify': true };
  return kubeconfigFor({ server: server.url, cluster: cluster_, ...(namespace === undefined ? {} : { namespace }) });
}

async function failure(work: Promise<unknown>): Promise<KubernetesError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof KubernetesError)) throw new Error(`expected a KubernetesError, got ${String(thrown)}`);
  expect(errorCodes[thrown.code]?.family).toBe('dependency');
  return thrown;
}

describe('apply', () => {
  it('sends the object without losing a field, as a strict server-side apply, and answers it the same way', async () => {
    const answer = { ...POD, status: { futureStatus: 1 } };
    server.use((_, response) => sendJson(response, answer));
    expect(await cluster.apply(POD, { fieldManager: 'uid2-operator' })).toEqual(answer);
    const [call] = server.received;
    expect([call?.method, call?.path]).toEqual(['PATCH', '/api/v1/namespaces/n/pods/p']);
    expect(Object.fromEntries(call?.query ?? [])).toEqual({
      fieldManager: 'uid2-operator',
      force: 'false',
      fieldValidation: 'Strict',
    });
    expect(call?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(JSON.parse(call?.body ?? '')).toEqual(POD);
  });

  it('loses nothing of any object, whatever is in it', async () => {
    server.use(({ body }, response) => sendJson(response, JSON.parse(body)));
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (spec) => {
        const object = { ...POD, spec };
        const text = JSON.stringify(object);
        expect(JSON.stringify(await cluster.apply(object, { fieldManager: 'm' }))).toBe(text);
        expect(server.received.at(-1)?.body).toBe(text);
      }),
      { numRuns: 30 },
    );
  });

  it('asks for a forced dry run when told so', async () => {
    server.use((_, response) => sendJson(response, POD));
    await cluster.apply(POD, { fieldManager: 'm', force: true, dryRun: true });
    expect([server.received[0]?.query.get('force'), server.received[0]?.query.get('dryRun')]).toEqual(['true', 'All']);
  });

  it('a conflict names the managers and the fields', async () => {
    server.use((_, response) =>
      sendStatus(response, 409, 'Conflict', {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "helm" using apps/v1', field: '.spec.replicas' },
          { reason: 'FieldManagerConflict', message: 'conflict with "kubectl-edit" using v1 at t', field: '.spec.a' },
        ],
      }),
    );
    const error = await failure(cluster.apply(POD, { fieldManager: 'm' }));
    expect(error.code).toBe('KUBERNETES_CONFLICT');
    expect(error.details).toMatchObject({
      reason: 'Conflict',
      status: 409,
      managers: ['helm', 'kubectl-edit'],
      fields: ['.spec.replicas', '.spec.a'],
    });
    expect(error.message).toContain('helm, kubectl-edit');
  });

  it('takes the namespace of the context, else default, for namespaced objects that name none', async () => {
    server.use((_, response) => sendJson(response, POD));
    const object = { ...POD, metadata: { name: 'p' } };
    await (await openKubernetes(kubeconfigOf('mine'))).apply(object, { fieldManager: 'm' });
    await cluster.apply(object, { fieldManager: 'm' });
    await cluster.apply({ ...object, kind: 'Namespace' }, { fieldManager: 'm' });
    expect(server.received.map(({ path }) => path)).toEqual([
      '/api/v1/namespaces/mine/pods/p',
      '/api/v1/namespaces/default/pods/p',
      '/api/v1/namespaces/p',
    ]);
  });

  it('says when the cluster does not have the kind', async () => {
    server.use((_, response) => sendStatus(response, 404, 'NotFound'));
    const error = await failure(cluster.apply({ ...POD, apiVersion: 'x.io/v1', kind: 'Thing' }, { fieldManager: 'm' }));
    expect([error.code, error.details.status]).toEqual(['KUBERNETES_KIND_UNKNOWN', 404]);
  });
});

describe('read, list, create, replace, remove', () => {
  it('read answers undefined for an object or a kind that is not there', async () => {
    server.use((_, response) => sendStatus(response, 404, 'NotFound'));
    expect(await cluster.read({ apiVersion: 'v1', kind: 'Pod', name: 'p', namespace: 'n' })).toBeUndefined();
    expect(await cluster.read({ apiVersion: 'x.io/v1', kind: 'Thing', name: 'p' })).toBeUndefined();
  });

  it('list reads all pages and puts back apiVersion and kind, which items of lists lack', async () => {
    server.use(({ query }, response) =>
      sendJson(response, {
        metadata: query.get('continue') === null ? { continue: 'next' } : {},
        items: [{ metadata: { name: query.get('continue') ?? 'first' }, future: 1 }],
      }),
    );
    const found = await cluster.list('v1', 'Pod', { namespace: 'n', labelSelector: 'a=b', fieldSelector: 'c=d' });
    expect(found).toEqual([
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'first' }, future: 1 },
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'next' }, future: 1 },
    ]);
    expect(server.received[0]?.query.get('labelSelector')).toBe('a=b');
    expect(server.received[0]?.query.get('fieldSelector')).toBe('c=d');
  });

  it('list without a namespace is about all of them', async () => {
    server.use((_, response) => sendJson(response, { metadata: {}, items: [] }));
    await cluster.list('apps/v1', 'Deployment');
    expect(server.received[0]?.path).toBe('/apis/apps/v1/deployments');
  });

  it('create tells that the object is there already, and is not repeated', async () => {
    server.use((_, response) => sendStatus(response, 409, 'AlreadyExists'));
    const error = await failure(cluster.create(POD));
    expect([error.code, error.details.reason]).toEqual(['KUBERNETES_CONFLICT', 'AlreadyExists']);
    expect(server.received.map(({ method, path }) => [method, path])).toEqual([['POST', '/api/v1/namespaces/n/pods']]);
  });

  it('replace fails as Conflict when somebody else was faster', async () => {
    server.use((_, response) => sendStatus(response, 409, 'Conflict'));
    const error = await failure(cluster.replace(POD));
    expect([error.details.reason, error.retryable, server.received[0]?.method]).toEqual(['Conflict', true, 'PUT']);
  });

  it('remove answers whether there was something', async () => {
    server.use(({ path }, response) =>
      path.endsWith('/p')
        ? sendJson(response, { kind: 'Status', status: 'Success' })
        : sendStatus(response, 404, 'NotFound'),
    );
    const reference = { apiVersion: 'v1', kind: 'Pod', namespace: 'n' };
    expect(await cluster.remove({ ...reference, name: 'p' }, { propagation: 'Foreground' })).toBe('removed');
    expect(server.received[0]?.query.get('propagationPolicy')).toBe('Foreground');
    expect(await cluster.remove({ ...reference, name: 'q' })).toBe('absent');
  });
});

describe('failures', () => {
  it('a refusal carries reason, status and message of the API server', async () => {
    server.use((_, response) => sendStatus(response, 403, 'Forbidden'));
    const error = await failure(cluster.version());
    expect([error.code, error.details.reason, error.details.status]).toEqual(['KUBERNETES_REFUSED', 'Forbidden', 403]);
    expect(error.message).toContain('said Forbidden');
  });

  it.each([429, 503])('reading is repeated after %i', async (status) => {
    let calls = 0;
    server.use((_, response) => {
      if ((calls += 1) < 3) sendStatus(response, status, 'TooManyRequests');
      else sendJson(response, { gitVersion: 'v1.34.2' });
    });
    expect(await cluster.version()).toBe('v1.34.2');
  });

  it('reading is repeated after a broken connection, and gives up as KUBERNETES_UNREACHABLE', async () => {
    server.use((_, response) => response.destroy());
    const error = await failure(cluster.version());
    expect([error.code, error.retryable, server.received.length]).toEqual(['KUBERNETES_UNREACHABLE', true, 4]);
  });

  it('a silent server ends as KUBERNETES_TIMEOUT', async () => {
    server.use(() => undefined);
    const impatient = await openKubernetes(kubeconfigOf(), { requestTimeoutMs: 20 });
    expect((await failure(impatient.version())).code).toBe('KUBERNETES_TIMEOUT');
  });

  it('an interruption ends as KUBERNETES_INTERRUPTED', async () => {
    const controller = new AbortController();
    server.use(() => controller.abort());
    expect((await failure(cluster.version({ signal: controller.signal }))).code).toBe('KUBERNETES_INTERRUPTED');
  });

  it('a page of a proxy is an answer that cannot be used', async () => {
    server.use((_, response) => response.end('<html>'));
    expect((await failure(cluster.version())).code).toBe('KUBERNETES_ANSWER_UNUSABLE');
  });
});

describe('logs and proxyGet', () => {
  it('logs asks for container, previous run and last lines', async () => {
    server.use((_, response) => response.end('line 1\nline 2\n'));
    expect(await cluster.logs('n', 'p', { container: 'c', previous: true, tailLines: 2 })).toBe('line 1\nline 2\n');
    const [call] = server.received;
    expect(call?.path).toBe('/api/v1/namespaces/n/pods/p/log');
    expect(Object.fromEntries(call?.query ?? [])).toEqual({ container: 'c', previous: 'true', tailLines: '2' });
  });

  it('proxyGet answers what the pod says, failures included, and asks once', async () => {
    server.use((_, response) => {
      response.statusCode = 503;
      response.end('not ready');
    });
    expect(await cluster.proxyGet('n', 'p', 8080, '/ops/healthcheck?x=1')).toEqual({ status: 503, body: 'not ready' });
    expect(server.received).toHaveLength(1);
    expect(server.received[0]?.path).toBe('/api/v1/namespaces/n/pods/p:8080/proxy/ops/healthcheck');
    expect(server.received[0]?.query.get('x')).toBe('1');
  });

  it('proxyGet throws what the API server itself says', async () => {
    server.use((_, response) => sendStatus(response, 404, 'NotFound'));
    expect((await failure(cluster.proxyGet('n', 'p', 8080, '/'))).details.reason).toBe('NotFound');
  });
});
