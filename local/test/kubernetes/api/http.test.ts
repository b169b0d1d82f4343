import { randomBytes } from 'node:crypto';

import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { buildKubernetesApp, createClusterStore } from '../../../src/kubernetes/api/index.ts';
import type { ClusterStore } from '../../../src/kubernetes/api/index.ts';
import { backend, deployment, TOKEN } from './cluster-server.ts';

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
}

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

describe('the Kubernetes API over HTTP', () => {
  let store: ClusterStore;
  let app: FastifyInstance;
  const authorization = `Bearer ${TOKEN}`;

  beforeEach(() => {
    store = createClusterStore({ clock: Date.now, randomBytes });
    app = buildKubernetesApp({
      store,
      backend,
      clock: Date.now,
      authenticate: async (token) => (token === TOKEN ? { username: 'admin', groups: [] } : undefined),
      authorize: (_user, { resource }) => resource !== 'secrets',
    });
  });
  afterEach(async () => app.close());

  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> => {
    const answer = await app.inject({
      method,
      url,
      headers: { authorization, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: isJson ? (JSON.parse(answer.body) as Answer['body']) : { text: answer.body },
    };
  };
  const configMap = (name: string): unknown => ({
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name },
    data: { a: '1' },
  });

  it.each([
    ['no token', 'GET', CONFIG_MAPS, undefined, { authorization: '' }, 401, 'Unauthorized'],
    ['another token', 'GET', CONFIG_MAPS, undefined, { authorization: 'Bearer other' }, 401, 'Unauthorized'],
    ['what the user may not', 'GET', '/api/v1/namespaces/default/secrets', undefined, {}, 403, 'Forbidden'],
    ['an object that is not there', 'GET', `${CONFIG_MAPS}/none`, undefined, {}, 404, 'NotFound'],
    ['a kind that is not there', 'GET', '/apis/example.com/v1/things', undefined, {}, 404, 'NotFound'],
    ['a subresource that is not there', 'GET', `${CONFIG_MAPS}/none/status`, undefined, {}, 404, 'NotFound'],
    ['POST to an object', 'POST', `${CONFIG_MAPS}/none`, {}, {}, 405, 'MethodNotAllowed'],
    ['PUT to a collection', 'PUT', CONFIG_MAPS, {}, {}, 405, 'MethodNotAllowed'],
    ['a patch of no known type', 'PATCH', `${CONFIG_MAPS}/none`, {}, {}, 415, 'UnsupportedMediaType'],
    ['a body that is no JSON', 'POST', CONFIG_MAPS, '{', {}, 400, 'BadRequest'],
    ['another kind in the body', 'POST', CONFIG_MAPS, { apiVersion: 'v1', kind: 'Pod' }, {}, 400, 'BadRequest'],
    [
      'another version in the body',
      'POST',
      CONFIG_MAPS,
      { apiVersion: 'v2', kind: 'ConfigMap' },
      {},
      400,
      'BadRequest',
    ],
    [
      'an unknown propagation',
      'DELETE',
      `${CONFIG_MAPS}/none`,
      { propagationPolicy: 'Sideways' },
      {},
      400,
      'BadRequest',
    ],
    ['a watch that is not a version', 'GET', `${CONFIG_MAPS}?limit=x`, undefined, {}, 400, 'BadRequest'],
  ] as const)('refuses %s', async (_what, method, url, body, headers, status, reason) => {
    const answer = await call(method, url, body, headers);
    expect(answer).toMatchObject({
      status,
      body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, reason },
    });
  });

  it('says in a refusal which object and what kind', async () => {
    await call('POST', CONFIG_MAPS, configMap('twice'));
    expect((await call('POST', CONFIG_MAPS, configMap('twice'))).body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'configmaps "twice" already exists',
      reason: 'AlreadyExists',
      details: { name: 'twice', kind: 'configmaps' },
      code: 409,
    });
    const web = await call('GET', '/apis/apps/v1/namespaces/default/deployments/web');
    expect(web.body).toMatchObject({ message: 'deployments.apps "web" not found', details: { group: 'apps' } });
  });

  it('answers a list in pages', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await call('POST', CONFIG_MAPS, configMap(name));
    const names: unknown[] = [];
    let token = '';
    do {
      const page = await call('GET', `${CONFIG_MAPS}?limit=2&continue=${token}`);
      const { items, metadata } = page.body as {
        items: { metadata: { name: string } }[];
        metadata: { continue?: string };
      };
      names.push(items.map((item) => item.metadata.name));
      token = metadata.continue ?? '';
    } while (token !== '');
    expect(names).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect((await call('GET', `${CONFIG_MAPS}?continue=nonsense`)).status).toBe(400);
  });

  it('answers rows to who asks for a table, in each way of asking', async () => {
    await call('POST', CONFIG_MAPS, configMap('a'));
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const table = await call('GET', CONFIG_MAPS, undefined, { accept });
    expect(table.body).toMatchObject({
      kind: 'Table',
      columnDefinitions: [{ name: 'Name', format: 'name' }, { name: 'Data' }, { name: 'Age' }],
      rows: [{ cells: ['a', 1, expect.any(String)], object: { kind: 'PartialObjectMetadata' } }],
    });
    const whole = await call('GET', `${CONFIG_MAPS}/a?includeObject=Object`, undefined, { accept });
    expect(whole.body).toMatchObject({ rows: [{ object: { kind: 'ConfigMap' } }] });
  });

  it('watches: what is there, changes in and out of a selection, a bookmark at the end', async () => {
    store.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: 'default', labels: { app: 'x' } },
    });
    const { resourceVersion } = store;
    const patch = (labels: unknown): unknown =>
      store.patch({ apiVersion: 'v1', kind: 'ConfigMap', name: 'a' }, 'merge', { metadata: { labels } });
    patch({ app: 'y' });
    patch({ app: 'x' });
    patch({ more: 'z' });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const read = async (query: string): Promise<readonly string[]> => {
      const address = app.server.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const answer = await fetch(
        `http://127.0.0.1:${port}${CONFIG_MAPS}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&${query}`,
        { headers: { authorization } },
      );
      const text = await answer.text();
      return text
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { type: string }).type);
    };
    expect(await read(`labelSelector=app%3Dx&resourceVersion=${resourceVersion}`)).toEqual([
      'DELETED',
      'ADDED',
      'MODIFIED',
      'BOOKMARK',
    ]);
    expect(await read('resourceVersion=0&fieldSelector=metadata.name%3Da')).toEqual(['ADDED', 'BOOKMARK']);
    store.restore(store.snapshot());
    expect(await read(`resourceVersion=${resourceVersion}`)).toEqual(['ERROR', 'BOOKMARK']);
  });

  it('says what an unknown field is, or only warns', async () => {
    const typo = { ...(configMap('typo') as object), dta: {} };
    const strict = await call('POST', `${CONFIG_MAPS}?fieldValidation=Strict`, typo);
    expect(strict).toMatchObject({ status: 400, body: { message: 'strict decoding error: unknown field "dta"' } });
    const warned = await call('POST', `${CONFIG_MAPS}?fieldValidation=Warn`, typo);
    expect(warned).toMatchObject({ status: 201, headers: { warning: ['299 - "unknown field \\"dta\\""'] } });
    const ignored = await call('PUT', `${CONFIG_MAPS}/typo?fieldValidation=Ignore`, typo);
    expect(ignored.headers['warning']).toBeUndefined();
  });

  it('applies YAML and needs a field manager for it', async () => {
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: "1"}\n';
    expect((await call('PATCH', `${CONFIG_MAPS}/y`, text, headers)).status).toBe(422);
    expect((await call('PATCH', `${CONFIG_MAPS}/y?fieldManager=m&dryRun=All`, text, headers)).status).toBe(201);
    expect((await call('GET', `${CONFIG_MAPS}/y`)).status).toBe(404);
    expect((await call('PATCH', `${CONFIG_MAPS}/y?fieldManager=m`, text, headers)).status).toBe(201);
    expect((await call('PATCH', `${CONFIG_MAPS}/y?fieldManager=m`, text, headers)).status).toBe(200);
    const bomb = `${text}a: &a [1]\nb: [*a, *a]\n`;
    expect((await call('PATCH', `${CONFIG_MAPS}/y?fieldManager=m`, bomb, headers)).status).toBe(400);
  });

  it('reaches a ready pod behind a service, without the caller’s token', async () => {
    const spec = { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
    store.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec });
    const proxy = '/api/v1/namespaces/default/services/web:http/proxy/a/b?c=d';
    expect((await call('GET', proxy)).status).toBe(503);
    const pod = store.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web-1', labels: { app: 'web' } },
      spec: { nodeName: 'n', containers: [{ name: 'web', image: 'x' }] },
    });
    store.update({ ...pod, status: { conditions: [{ type: 'Ready', status: 'True' }] } }, { subresource: 'status' });
    expect((await call('GET', proxy)).body).toEqual({ text: 'GET /a/b?c=d of web-1:8080' });
  });

  it('scales through the subresource, with the version that was read', async () => {
    store.create(deployment('web'));
    const url = '/apis/apps/v1/namespaces/default/deployments/web/scale';
    const scale = await call('GET', url);
    expect(scale.body).toMatchObject({ kind: 'Scale', spec: { replicas: 2 }, status: { selector: 'app=web' } });
    expect((await call('PUT', url, { ...scale.body, spec: { replicas: 4 } })).body).toMatchObject({
      spec: { replicas: 4 },
    });
    expect((await call('PUT', url, { ...scale.body, spec: { replicas: 5 } })).status).toBe(409);
  });

  it('warns of an outdated version and serves the same object in both', async () => {
    const version = (name: string, storage: boolean): unknown => ({
      name,
      served: true,
      storage,
      ...(storage ? {} : { deprecated: true, deprecationWarning: 'example.com/v1alpha1 Thing is deprecated' }),
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    });
    const names = { kind: 'Thing', plural: 'things' };
    const spec = {
      group: 'example.com',
      scope: 'Namespaced',
      names,
      versions: [version('v1', true), version('v1alpha1', false)],
    };
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.example.com' },
      spec,
    };
    store.create(definition);
    const old = '/apis/example.com/v1alpha1/namespaces/default/things';
    const made = await call('POST', old, {
      apiVersion: 'example.com/v1alpha1',
      kind: 'Thing',
      metadata: { name: 't' },
    });
    expect(made).toMatchObject({ status: 201, headers: { warning: [expect.stringContaining('deprecated')] } });
    const read = await call('GET', '/apis/example.com/v1/namespaces/default/things/t');
    expect(read.body).toMatchObject({
      apiVersion: 'example.com/v1',
      metadata: { uid: (made.body['metadata'] as { uid: string }).uid },
    });
    store.remove({ ...definition, name: 'things.example.com' });
    expect((await call('GET', '/apis/example.com/v1/namespaces/default/things')).status).toBe(404);
  });
});
