import { randomBytes } from 'node:crypto';

import { workloadIdentityRegistration } from '@holdfast/admission';
import { createLogger } from '@holdfast/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openCertificateAuthority } from '../../../src/azure/index.ts';
import { createClusterStore } from '../../../src/kubernetes/api/index.ts';
import type { ClusterStore, ObjectInput } from '../../../src/kubernetes/api/index.ts';
import { startWorkloadIdentity, unregisterWorkloadIdentity } from '../../../src/up/add-ons/workload-identity.ts';
import type { RunningWebhook } from '../../../src/up/add-ons/workload-identity.ts';
import { temporaryFolder } from '../../../testing/temporary-folder.ts';

const PLACE = { namespace: 'kube-system', name: 'azure-wi-webhook-webhook-service', port: 443 };

describe('the workload identity add-on of a cluster', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: ClusterStore;
  let webhook: RunningWebhook | undefined;

  beforeEach(async () => {
    folder = await temporaryFolder();
    store = createClusterStore({ clock: Date.now, randomBytes });
  });
  afterEach(async () => {
    await webhook?.stop();
    webhook = undefined;
    await folder[Symbol.asyncDispose]();
  });

  const registered = (): readonly string[] =>
    store
      .list({ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' })
      .map(({ metadata }) => metadata.name);

  it('is registered as on AKS, answers for its Service alone, and is gone without a trace', async () => {
    webhook = await startWorkloadIdentity({
      store,
      authority: await openCertificateAuthority(folder.path),
      tenantId: 'tenant',
      logger: createLogger({ name: 'test', level: 'silent' }),
    });
    expect(registered()).toEqual(['azure-wi-webhook-mutating-webhook-configuration']);
    expect(webhook.serviceUrl(PLACE)).toMatch(/^https:/);
    expect(webhook.serviceUrl({ ...PLACE, namespace: 'default' })).toBeUndefined();
    unregisterWorkloadIdentity(store);
    expect(registered()).toEqual([]);
    expect(store.get({ apiVersion: 'v1', kind: 'Service', ...PLACE })).toBeUndefined();
  });

  it('leaves the registration of a webhook that somebody runs in the cluster', () => {
    const address = {
      namespace: 'azure-workload-identity-system',
      service: 'webhook',
      port: 443,
      path: '/mutate-v1-pod',
    };
    store.create(workloadIdentityRegistration(address, '') as unknown as ObjectInput);
    unregisterWorkloadIdentity(store);
    expect(registered()).toHaveLength(1);
  });
});
