import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { connect } from 'node:tls';

import { createLogger } from '@holdfast/process';
import type { RunningService } from '@holdfast/process';
import { afterEach, describe, expect, it } from 'vitest';

import { readConfig, serveWebhook } from '../src/index.ts';
import { selfManagedCertificate } from '../src/certificates/self-managed-certificate.ts';
import { FakeCluster } from './fake-cluster.ts';

const HOST = 'hook.ns.svc';
const DAY_MS = 86_400_000;
const config = readConfig({
  configFile: undefined,
  env: {
    host: '127.0.0.1',
    port: '0',
    health_port: '0',
    metrics_port: '0',
    mutations: '["workload-identity","peer-pods"]',
    namespace: 'ns',
    service_name: 'hook',
    AZURE_TENANT_ID: 'tenant',
  },
});
const logger = createLogger({ name: 'webhook', level: 'silent' });
let running: RunningService | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

function caOf(cluster: FakeCluster): string {
  const data = cluster.objects.get('Secret/ns/azure-wi-webhook-server-cert')?.['data'] as
    | Record<string, string>
    | undefined;
  return Buffer.from(data?.['ca.crt'] ?? '', 'base64').toString();
}

function ask(url: string, ca: string, object: object): Promise<{ readonly allowed: boolean; readonly patch?: string }> {
  const body = JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', namespace: 'apps', object },
  });
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', ca, servername: HOST, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const parsed = JSON.parse(Buffer.concat(chunks).toString()) as {
          response: { allowed: boolean; patch?: string };
        };
        resolve(parsed.response);
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

describe('a webhook in a cluster', () => {
  it('makes its certificate, registers itself with its authority, and answers over TLS 1.3', async () => {
    const cluster = new FakeCluster();
    cluster.put({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { namespace: 'apps', name: 'app', annotations: { 'azure.workload.identity/client-id': 'client' } },
    });
    running = await serveWebhook({ logger }, config, cluster);
    const url = running.addresses['http'] ?? '';
    const ca = caOf(cluster);
    expect(cluster.applied.map(({ metadata }) => metadata.name)).toEqual([
      'azure-wi-webhook-mutating-webhook-configuration',
      'mutating-webhook-configuration',
    ]);
    expect(JSON.stringify(cluster.applied[0])).toContain(Buffer.from(ca).toString('base64'));
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { serviceAccountName: 'app', containers: [{ name: 'c' }] },
    };
    const answer = await ask(`${url}/workload-identity/mutate-v1-pod`, ca, pod);
    expect(Buffer.from(answer.patch ?? '', 'base64').toString()).toContain('"AZURE_CLIENT_ID","value":"client"');
    const protocol = await new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), ca, servername: HOST }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
    });
    expect(protocol).toBe('TLSv1.3');
  });

  it('refuses a pod whose service account does not exist', async () => {
    const cluster = new FakeCluster();
    running = await serveWebhook({ logger }, config, cluster);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [] } };
    const url = `${running.addresses['http']}/workload-identity/mutate-v1-pod`;
    expect(await ask(url, caOf(cluster), pod)).toMatchObject({
      allowed: false,
      status: { code: 400, message: 'serviceaccounts "default" not found' },
    });
  });
});

describe('the certificate that the webhook makes for itself', () => {
  let now = Date.UTC(2026, 0, 1);
  const source = (cluster: FakeCluster) =>
    selfManagedCertificate({
      cluster,
      namespace: 'ns',
      secret: 'cert',
      hosts: [HOST],
      clock: () => now,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });

  it('is the same for all replicas, also when they start at once', async () => {
    const cluster = new FakeCluster();
    const [first, second] = await Promise.all([source(cluster).current(), source(cluster).current()]);
    expect(first).toEqual(second);
  });

  it('is made anew after two thirds of its life, and the authority before stays in the bundle', async () => {
    const cluster = new FakeCluster();
    const first = await source(cluster).current();
    now += 240 * DAY_MS;
    expect(await source(cluster).current()).toEqual(first);
    now += 10 * DAY_MS;
    const second = await source(cluster).current();
    expect(second.cert).not.toBe(first.cert);
    expect(second.ca).toContain(first.ca ?? 'missing');
    const [leaf, authority] = second.cert.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g) ?? [];
    const certificate = new X509Certificate(leaf ?? '');
    expect(certificate.checkHost(HOST)).toBe(HOST);
    expect(certificate.verify(new X509Certificate(authority ?? '').publicKey)).toBe(true);
  });

  it.each([
    ['no certificates', { 'tls.crt': 'eA==', 'tls.key': 'eA==', 'ca.crt': 'eA==' }],
    ['nothing', {}],
  ])('replaces a secret that holds %s', async (_title, data) => {
    const cluster = new FakeCluster();
    cluster.put({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'ns', name: 'cert' }, data });
    expect((await source(cluster).current()).cert).toContain('BEGIN CERTIFICATE');
  });
});

describe('its configuration', () => {
  it('says all problems at once', () => {
    const env = { tls_key_file: 'k', AZURE_ENVIRONMENT: 'Moon', custom_token_endpoint_audience: 'x' };
    expect(() => readConfig({ configFile: undefined, env })).toThrow(
      /tls_certificate_file[^]*AZURE_TENANT_ID[^]*MOON[^]*both or neither/,
    );
  });
});
