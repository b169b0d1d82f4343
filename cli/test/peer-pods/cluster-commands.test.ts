import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { JsonPatchOperation, KubernetesObject, KubernetesPort } from '@holdfast/deployment';
import { readConfig } from '@holdfast/deployment';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { gatherClusterFacts } from '../../src/peer-pods/cluster-facts.ts';
import { runConfigure } from '../../src/peer-pods/run-configure.ts';
import { runAdvertise, runWithdraw } from '../../src/peer-pods/run-node.ts';
import { capture } from '../captured-io.ts';
import { fakeContext } from '../deployment/fake-context.ts';

const CONFIG = `profile: peer-pods
subscriptionId: 00000000-0000-0000-0000-000000000001
tenantId: 00000000-0000-0000-0000-000000000002
podVms:
  imageId: /CommunityGalleries/cococommunity/Images/peerpod/Versions/1.2.3
  clientId: 11111111-1111-1111-1111-111111111111
  allowedNamespaces: [red]
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-peer-pods-'));
  await writeFile(join(folder, 'peer-pods.yaml'), CONFIG);
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

/** A cluster with one node, which keeps what it is told. */
function clusterOf(): { readonly port: KubernetesPort; readonly applied: KubernetesObject[] } {
  const applied: KubernetesObject[] = [];
  const annotations: Record<string, string> = {};
  const capacity: Record<string, string> = {};
  const node = (): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'worker-0', annotations },
    status: { capacity: { ...capacity } },
  });
  const port: Partial<KubernetesPort> = {
    version: async () => 'v1.32.6',
    read: async ({ kind }) => (kind === 'Node' ? node() : undefined),
    list: async () => [],
    apply: async (object) => {
      applied.push(object);
      Object.assign(annotations, object.metadata.annotations);
      return object;
    },
    patchStatus: async (_reference, operations: readonly JsonPatchOperation[]) => {
      for (const { op, value } of operations) {
        if (op === 'add' && typeof value === 'string') capacity['kata.peerpods.io/vm'] = value;
        if (op === 'remove') delete capacity['kata.peerpods.io/vm'];
      }
      return node();
    },
  };
  return { port: port as KubernetesPort, applied };
}

describe('holdfast peer-pods configure', () => {
  it('applies the settings, the feature gate and the policy, and says when they count', async () => {
    const { port, applied } = clusterOf();
    const run = fakeContext(folder);
    await runConfigure(run.context, { dryRun: false, json: false }, 'peer-pods.yaml', async () => port);
    expect(run.stdout().split('\n').filter(Boolean)).toEqual([
      'applied  ConfigMap openshift-sandboxed-containers-operator/peer-pods-cm',
      'applied  ConfigMap openshift-sandboxed-containers-operator/osc-feature-gates',
      'applied  ValidatingAdmissionPolicy peer-pods-namespaces',
      'applied  ValidatingAdmissionPolicyBinding peer-pods-namespaces',
    ]);
    expect(run.stderr()).toContain('when the pods of its DaemonSet start again');
    expect(applied[0]?.['data']).toMatchObject({ AZURE_REGION: 'eastus' });
  });

  it.each([
    ['podVms:', 'tenantId: x\n', 'DEPLOYMENT_CONFIG_INVALID'],
    [/podVms:[\s\S]*/, '', 'PEER_PODS_NOT_CONFIGURED'],
    [/tenantId.*\n/, '', 'PEER_PODS_NOT_CONFIGURED'],
    ['clientId:', 'size: Standard_D4s_v5\n  clientId:', 'DEPLOYMENT_CONFIG_INVALID'],
  ])('refuses a configuration that says not enough, case %#', async (from, to, code) => {
    await writeFile(join(folder, 'peer-pods.yaml'), CONFIG.replace(from, to));
    const { port, applied } = clusterOf();
    const run = fakeContext(folder);
    const flags = { dryRun: false, json: false };
    await expect(runConfigure(run.context, flags, 'peer-pods.yaml', async () => port)).rejects.toMatchObject({ code });
    expect(applied).toEqual([]);
  });

  it('says what is missing where there is no cluster to ask', async () => {
    const { exitCode, stderr } = await capture(['peer-pods', 'configure', 'peer-pods.yaml'], { cwd: folder });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('[PEER_PODS_CLUSTER_UNNAMED]');
  });
});

describe('holdfast peer-pods advertise and withdraw', () => {
  it('change what a node offers and say it, as JSON too', async () => {
    const { port } = clusterOf();
    const run = fakeContext(folder);
    const flags = { node: ['worker-0'], owner: 'holdfast', json: false };
    await runAdvertise(run.context, { ...flags, limit: 10, takeOver: false }, async () => port);
    await runWithdraw(run.context, { ...flags, owner: 'else' }, async () => port);
    await runWithdraw(run.context, flags, async () => port);
    expect(run.stdout()).toBe(
      'worker-0: offers 10 kata.peerpods.io/vm of holdfast\n' +
        'worker-0: offers 10 kata.peerpods.io/vm of holdfast (nothing changed)\n' +
        'worker-0: offers no kata.peerpods.io/vm\n',
    );
    const json = fakeContext(folder);
    await runWithdraw(json.context, { ...flags, json: true }, async () => port);
    expect(JSON.parse(json.stdout())).toEqual({
      version: 1,
      nodes: [{ node: 'worker-0', owner: 'holdfast', capacity: null, changed: false }],
    });
  });

  it('take a limit that is a whole number or -1', async () => {
    const { exitCode, stderr } = await capture(['peer-pods', 'advertise', '--node', 'a', '--limit', '-2'], {});
    expect(exitCode).toBe(64);
    expect(stderr).toContain('--limit');
  });
});

describe('gatherClusterFacts', () => {
  it('asks nobody without a kubeconfig, and refuses one for a deployment on AKS', async () => {
    const run = fakeContext(folder);
    const read = readConfig(CONFIG).config;
    const aks = readConfig('profile: uid2-vn2\n').config;
    if (read === undefined || aks === undefined) throw new Error('the configurations are wrong');
    const { port } = clusterOf();
    const open = async (): Promise<KubernetesPort> => port;
    expect(await gatherClusterFacts(run.context.io, read, undefined, open)).toBeUndefined();
    expect(await gatherClusterFacts(run.context.io, read, 'k', open)).toMatchObject({ kubernetes: 'v1.32.6' });
    await expect(gatherClusterFacts(run.context.io, aks, 'k', open)).rejects.toMatchObject({
      code: 'PEER_PODS_NOT_CONFIGURED',
    });
  });
});
