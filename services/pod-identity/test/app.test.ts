import { request as httpRequest, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createLogger } from '@holdfast/process';
import type { KubernetesObject } from '@holdfast/deployment';
import { afterEach, describe, expect, it } from 'vitest';

import { readConfig, servePodIdentity } from '../src/index.ts';
import type { NodeClusterPort } from '../src/index.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Sends a path as it is, from an address of the loopback network. */
function ask(
  url: string,
  path: string,
  options: { headers?: Record<string, string>; from?: string; method?: string } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        hostname,
        port,
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? { Metadata: 'true' },
        localAddress: options.from ?? '127.0.0.1',
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    request.on('error', reject);
    request.end();
  });
}

/** A metadata service that says what it was asked. */
async function metadataService(): Promise<{ readonly port: number; readonly paths: string[] }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    if (request.url?.startsWith('/metadata/identity/oauth2/token?') === true) {
      const clientId = new URL(request.url, 'http://h').searchParams.get('client_id');
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ access_token: `token-of-${clientId ?? 'node'}`, expires_on: '1', token_type: 'Bearer' }),
      );
      return;
    }
    response.statusCode = 404;
    response.setHeader('x-metadata', 'yes');
    response.end(`${request.method ?? ''} ${request.headers['host'] ?? ''}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return { port: (server.address() as AddressInfo).port, paths };
}

const api = 'aadpodidentity.k8s.io/v1';
const objects: readonly KubernetesObject[] = [
  podObject('a', '127.0.0.5', 'a'),
  podObject('b', '127.0.0.6', 'b'),
  ...['a', 'b'].flatMap((name) => [
    {
      apiVersion: api,
      kind: 'AzureIdentity',
      metadata: { name, namespace: 'default' },
      spec: { type: 0, clientID: `client-${name}` },
    },
    {
      apiVersion: api,
      kind: 'AzureIdentityBinding',
      metadata: { name, namespace: 'default' },
      spec: { azureIdentity: name, selector: name },
    },
  ]),
];

function podObject(name: string, podIP: string, aadpodidbinding: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { aadpodidbinding }, uid: name } as KubernetesObject['metadata'],
    spec: { nodeName: 'n' },
    status: { phase: 'Running', podIP },
  };
}

const cluster: NodeClusterPort = {
  list: (_api, kind, options) =>
    Promise.resolve(
      objects.filter(
        (each) =>
          each.kind === kind && (options?.namespace === undefined || each.metadata.namespace === options.namespace),
      ),
    ),
  read: ({ kind, name }) => Promise.resolve(objects.find((each) => each.kind === kind && each.metadata.name === name)),
};

async function start(settings: Readonly<Record<string, string>> = {}) {
  const metadata = await metadataService();
  const env = {
    'nmi-port': '0',
    'metadata-ip': '127.0.0.1',
    'metadata-port': String(metadata.port),
    'operation-mode': 'Managed',
    'http-probe-port': '0',
    'prometheus-port': '0',
    node: 'n',
    ...settings,
  };
  const config = readConfig({ env, configFile: undefined });
  const logger = createLogger({ name: 'test', level: 'silent' });
  const service = await servePodIdentity({ logger, fail: () => undefined }, config, cluster);
  closing.push(() => service.stop());
  return { ...(service.addresses as { nmi: string; probe: string; metrics: string }), metadata };
}

describe('the node’s server', () => {
  it('tells pods apart by the address they come from', async () => {
    const { nmi } = await start();
    const path = '/metadata/identity/oauth2/token?resource=r';
    const answers = await Promise.all(
      ['127.0.0.5', '127.0.0.6', '127.0.0.5', '127.0.0.7'].map((from) => ask(nmi, path, { from })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 500]);
    expect(answers.map(({ text }) => /token-of-[\w-]+/.exec(text)?.[0])).toEqual([
      'token-of-client-a',
      'token-of-client-b',
      'token-of-client-a',
      undefined,
    ]);
    expect(answers[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(answers[0]?.text.length),
    });
  });

  it('sends the path on as it came, backslashes included', async () => {
    const { nmi, metadata } = await start({ rules: 'compatible' });
    const path = '/metadata\\identity/oauth2/token?resource=r';
    expect(await ask(nmi, path)).toMatchObject({
      status: 404,
      text: `GET 127.0.0.1:${metadata.port}`,
      headers: { 'x-metadata': 'yes' },
    });
    expect((await ask(nmi, '/metadata/instance?x=%20', { method: 'OPTIONS' })).status).toBe(404);
    expect(metadata.paths).toEqual([path, '/metadata/instance?x=%20']);
  });

  it.each([
    '/metadata/identity\\oauth2/token/',
    '/metadata/identity/oauth2%5ctoken',
    '/metadata\\identity/oauth2/token',
    '/a//b',
    '/host/token',
    '/%',
  ])('asks nobody about %s', async (path) => {
    const { nmi, metadata } = await start();
    const { status } = await ask(nmi, path);
    expect(status).toBe(path === '/a//b' ? 301 : 400);
    expect(metadata.paths).toEqual([]);
  });

  it('answers errors as JSON when it is told to', async () => {
    const { nmi } = await start({ 'json-errors': 'true' });
    const answer = await ask(nmi, '/metadata/identity/oauth2/token', { from: '127.0.0.5' });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual({
      error: 'invalid_request',
      error_description: 'parameter resource cannot be empty',
    });
  });

  it('counts answers under names that callers cannot multiply', async () => {
    const { nmi, metrics, probe } = await start();
    for (let index = 0; index < 60; index += 1) {
      await ask(nmi, `/metadata/identity/oauth2/token${index}?resource=r${index}`, { from: '127.0.0.5' });
    }
    const { text } = await ask(metrics, '/metrics');
    const series = text
      .split('\n')
      .filter((line) => line.startsWith('aadpodidentity_nmi_operations_duration_seconds_count'));
    expect(series).toHaveLength(51);
    expect(text).toContain('operation_type="/metadata/identity/oauth2/token"');
    expect(await ask(probe, '/healthz')).toMatchObject({ status: 200, text: 'Active' });
  });
});

describe('readConfig', () => {
  const read = (env: Readonly<Record<string, string>>) =>
    readConfig({ env: { node: 'n', ...env }, configFile: undefined });

  it('takes the flags of the reference, mode in any letter case', () => {
    expect(read({ 'operation-mode': 'MANAGED', FORCENAMESPACED: 'true', forceNamespaced: 'false' })).toMatchObject({
      'operation-mode': 'managed',
      forceNamespaced: true,
      'nmi-port': 2579,
      'nmi-listen-address': '127.0.0.1',
      'metadata-header-required': true,
      rules: 'strict',
    });
  });

  it('refuses managed mode without forced namespaces', () => {
    expect(() => read({ 'operation-mode': 'managed', forceNamespaced: 'false' })).toThrow(
      'managed mode not intialized in force namespaced mode',
    );
  });
});
