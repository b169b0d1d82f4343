import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openCertificateAuthority } from '../../../src/azure/certificate-authority.ts';
import { createWebhookCaller } from '../../../src/kubernetes/api/call-webhook.ts';
import { createWebhookAdmission } from '../../../src/kubernetes/api/admission.ts';
import type { CallWebhook } from '../../../src/kubernetes/api/backend.ts';
import { createClusterStore } from '../../../src/kubernetes/api/index.ts';
import type { ClusterStore, ObjectInput } from '../../../src/kubernetes/api/index.ts';
import { deployment } from './cluster-server.ts';

type Review = { readonly request: Readonly<Record<string, unknown>> & { readonly uid: string } };
type Decide = (review: Review) => Readonly<Record<string, unknown>>;

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

function pod(name: string, labels: Readonly<Record<string, string>> = {}): ObjectInput {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: { containers: [{ name: 'web', image: 'example/web:1' }] },
  };
}

describe('createWebhookCaller', () => {
  it('trusts only the given authority, for the name of the service', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-webhook-'));
    const authority = await openCertificateAuthority(join(folder, 'ca'));
    const stranger = await openCertificateAuthority(join(folder, 'other'));
    const { keyPem, certificatePem } = await authority.issueServerCertificate({ hosts: ['webhook.hooks.svc'] });
    const server = createServer({ key: keyPem, cert: certificatePem }, (request, response) => request.pipe(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`;
    const caller = createWebhookCaller();
    const call = { url, body: '{"a":1}', timeoutMs: 5_000, serverName: 'webhook.hooks.svc', ca: authority.caPem };
    expect(await caller.call(call)).toEqual({ status: 200, body: '{"a":1}' });
    await expect(caller.call({ ...call, ca: stranger.caPem })).rejects.toThrow(/certificate|signature/i);
    await expect(caller.call({ ...call, serverName: 'other.hooks.svc' })).rejects.toThrow(/altnames/i);
    await expect(caller.call({ ...call, url: 'http://127.0.0.1/' })).rejects.toMatchObject({
      code: 'KUBERNETES_WEBHOOK_FAILED',
    });
    await caller.close();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });
});

describe('createWebhookAdmission', () => {
  let store: ClusterStore;
  let decide: Decide | 'unreachable';
  let calls: {
    readonly url: string;
    readonly ca: string;
    readonly serverName: string | undefined;
    readonly review: Review;
  }[];
  const call: CallWebhook = async ({ url, ca, serverName, body }) => {
    const review = JSON.parse(body) as Review;
    calls.push({ url, ca, serverName, review });
    if (decide === 'unreachable') throw new Error('connection refused');
    const response = { uid: review.request.uid, ...decide(review) };
    return {
      status: 200,
      body: JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', response }),
    };
  };
  const configure = (webhook: Readonly<Record<string, unknown>> = {}, kind = 'MutatingWebhookConfiguration'): void => {
    store.create({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind,
      metadata: { name: 'hooks' },
      webhooks: [
        {
          name: 'mutation.example.com',
          clientConfig: {
            service: { namespace: 'hooks', name: 'webhook', path: '/mutate' },
            caBundle: Buffer.from('the authority').toString('base64'),
          },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
          objectSelector: { matchLabels: { inject: 'true' } },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          ...webhook,
        },
      ],
    });
  };

  beforeEach(() => {
    calls = [];
    decide = () => ({ allowed: true });
    store = createClusterStore({ clock: Date.now, randomBytes });
    const serviceUrl = (): string => 'https://127.0.0.1:9443';
    store.setAdmission(createWebhookAdmission({ store, call, randomBytes, serviceUrl }));
  });
  afterEach(() => store.setAdmission(undefined));

  it('applies the patch of a webhook, before the object is checked', async () => {
    configure();
    decide = () => ({
      allowed: true,
      patchType: 'JSONPatch',
      patch: base64([{ op: 'add', path: '/spec/containers/0/image', value: 'example/web:2' }]),
    });
    const incomplete = { ...pod('p', { inject: 'true' }), spec: { containers: [{ name: 'web' }] } };
    const made = await store.createAdmitted(incomplete, { fieldManager: 'test' });
    expect(made['spec']).toMatchObject({ containers: [{ image: 'example/web:2' }] });
    expect(calls).toMatchObject([
      {
        url: 'https://127.0.0.1:9443/mutate',
        ca: 'the authority',
        serverName: 'webhook.hooks.svc',
        review: {
          request: {
            operation: 'CREATE',
            resource: { resource: 'pods' },
            namespace: 'default',
            object: { kind: 'Pod' },
          },
        },
      },
    ]);
  });

  it('asks only about what the rules and selectors name', async () => {
    configure({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } });
    await store.createAdmitted(pod('without-label'));
    await store.createAdmitted(deployment('web'));
    store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    const labels = { inject: 'true' };
    await store.createAdmitted({ ...pod('p'), metadata: { name: 'p', namespace: 'other', labels } });
    expect(calls).toHaveLength(0);
    await store.createAdmitted(pod('p', labels));
    expect(calls).toHaveLength(1);
  });

  it('refuses what a webhook denies, with its message', async () => {
    configure({}, 'ValidatingWebhookConfiguration');
    decide = () => ({ allowed: false, status: { message: 'no such identity' } });
    await expect(store.createAdmitted(pod('p', { inject: 'true' }))).rejects.toMatchObject({
      reason: 'Forbidden',
      message: 'admission webhook "mutation.example.com" denied the request: no such identity',
    });
    expect(store.get({ apiVersion: 'v1', kind: 'Pod', name: 'p' })).toBeUndefined();
  });

  it.each([
    ['Fail', 'InternalError'],
    ['Ignore', undefined],
  ])('with failurePolicy %s, an unreachable webhook means %s', async (failurePolicy, reason) => {
    configure({ failurePolicy });
    decide = 'unreachable';
    const outcome = await store.createAdmitted(pod('p', { inject: 'true' })).catch((error: unknown) => error);
    expect((outcome as { reason?: string }).reason).toBe(reason);
  });

  it('takes no answer that is for another request', async () => {
    configure({ failurePolicy: 'Fail' });
    decide = () => ({ allowed: true, uid: 'another' });
    await expect(store.createAdmitted(pod('p', { inject: 'true' }))).rejects.toMatchObject({ reason: 'InternalError' });
  });

  it('asks anew when the object changed while the webhook was thinking', async () => {
    const rules = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['UPDATE'], resources: ['*'] }];
    configure({ rules, objectSelector: {} });
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c' };
    store.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: '1' } });
    let interfere = true;
    decide = () => {
      if (interfere) store.patch(reference, 'merge', { data: { b: '2' } });
      interfere = false;
      return { allowed: true, patch: base64([{ op: 'add', path: '/data/hook', value: 'seen' }]) };
    };
    const changed = await store.patchAdmitted(reference, 'merge', { data: { a: '3' } });
    expect(changed['data']).toEqual({ a: '3', b: '2', hook: 'seen' });
    expect(calls).toHaveLength(2);
  });
});
