import { describe, expect, it } from 'vitest';

import type { KubernetesObject } from '../../../src/index.ts';
import { CLUSTER, deployedCloud, everything, factsOf, verdicts } from './clouds.ts';
import { fakeCluster } from './fake-ports.ts';

describe('the inside of the cluster', () => {
  const object = (kind: string, name: string, more: object = {}): KubernetesObject => ({
    apiVersion: 'v1',
    kind,
    ...more,
    metadata: { name, ...(more as { metadata?: object }).metadata },
  });
  const opened = (objects: readonly KubernetesObject[]) => ({
    openCluster: () => Promise.resolve(fakeCluster(objects)),
  });

  it('is healthy when nothing is in the way', async () => {
    const facts = await factsOf(deployedCloud(), opened([]), everything);
    expect(facts.cluster?.inside).toEqual({
      namespaceUsable: true,
      denyingPolicies: [],
      quotaProblems: [],
      foreignObjects: [],
      otherInstallations: [],
      orphanNodes: [],
      admissionControllers: 0,
      authorizationFailures: [],
    });
    expect(verdicts(facts)['CL-01']).toBe('passed');
  });

  it('shows what is in the way', async () => {
    const arm = deployedCloud().set(`${CLUSTER}/providers/Microsoft.KubernetesConfiguration/extensions`, [
      { name: 'vn', properties: { extensionType: 'Microsoft.VirtualNodes' } },
    ]);
    const inside = [
      object('Namespace', 'default', { status: { phase: 'Terminating' } }),
      object('Namespace', 'vn2', { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } }),
      object('ResourceQuota', 'small', {
        metadata: { namespace: 'default' },
        status: { hard: { 'requests.cpu': '8', pods: '10' }, used: { 'requests.cpu': '2500m', pods: '3' } },
      }),
      object('LimitRange', 'limits', {
        metadata: { namespace: 'default' },
        spec: { limits: [{ type: 'Container', max: { cpu: '4' } }] },
      }),
      object('Service', 'operator-svc', {
        metadata: { namespace: 'default', managedFields: [{ manager: 'kubectl-create' }] },
      }),
      object('Secret', 'sh.helm.release.v1.virtualnode.v1', {
        metadata: { labels: { owner: 'helm', status: 'deployed', name: 'virtualnode' } },
      }),
      object('Node', 'virtualnode-1', { metadata: { labels: { virtualization: 'virtualnode2' } } }),
      object('Deployment', 'virtual-node-admission-controller', { spec: { replicas: 1 } }),
      object('Event', 'e', {
        metadata: { namespace: 'default' },
        message: 'code AuthorizationFailed',
        involvedObject: { name: 'operator-1' },
      }),
    ];
    const facts = await factsOf(arm, opened(inside), everything);
    expect(facts.cluster?.inside).toEqual({
      namespaceUsable: false,
      denyingPolicies: ['pod security level restricted of namespace vn2'],
      quotaProblems: [
        'the quota small leaves too little requests.cpu for an operator pod',
        'the limits limits do not let a Container be that large',
      ],
      foreignObjects: ['Service operator-svc'],
      otherInstallations: ['the Helm release virtualnode', 'the cluster extension vn'],
      orphanNodes: ['virtualnode-1'],
      admissionControllers: 1,
      authorizationFailures: ['operator-1 waits: Azure answers AuthorizationFailed'],
    });
  });

  it('that does not answer is a finding and no failure', async () => {
    const openCluster = () => Promise.reject(new Error('connect ECONNREFUSED'));
    const facts = await factsOf(deployedCloud(), { openCluster }, everything);
    expect(facts.cluster?.insideAsked).toBe(true);
    expect(verdicts(facts)['CL-01']).toBe('failed');
  });
});
