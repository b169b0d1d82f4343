import { describe, expect, it } from 'vitest';

import { allChecks, apply, buildGraph, idOf, runDoctor } from '../src/index.ts';
import type { DeploymentConfig, Facts, JsonObject } from '../src/index.ts';
import { configOf, resolved } from './configs.ts';
import { runOf, scenarios, worldFor } from './engine/worlds.ts';

const kata = (more = ''): DeploymentConfig => configOf('kata-cc', more);

/** What one check finds. */
function found(config: DeploymentConfig, id: string, facts: Facts = {}): readonly string[] {
  const [result] = runDoctor(config, facts, new Set([id]));
  return result?.findings.map(({ message }) => message) ?? [];
}

function wordsOf(id: string): string {
  const check = allChecks.find((each) => each.id === id);
  return `${check?.explanation} ${check?.remedy}`;
}

describe('what the guides say besides', () => {
  it('addition 2: kata-cc begins with the values of its guide, and has none for the vault', () => {
    expect(kata()).toMatchObject({
      resourceGroup: { name: 'myResourceGroup' },
      cluster: { name: 'myAKSCluster' },
      identity: { name: 'myIdentity' },
      kafka: { namespace: 'kafka', serviceAccount: 'workload-identity-sa', topic: 'kafka-demo-topic' },
      vault: { keyName: 'kafka-encryption-demo' },
      attestation: { endpoint: { provider: 'myattestationprovider', resourceGroup: 'MyResourceGroup' } },
    });
    expect(found(configOf('kata-cc', 'vault: {name: myKeyVault}\n'), 'VT-05')).toEqual([
      'myKeyVault is the placeholder of the guide',
    ]);
  });

  it('addition 4: an adopted cluster is new enough, has the feature, and gets workload identity', () => {
    const cluster = (minor: number, workloadIdentity: boolean): Facts => ({
      azure: {
        features: { 'Microsoft.ContainerService/KataCcIsolationPreview': 'NotRegistered' },
        cluster: { minor, authorizedIpRanges: [], networkPlugin: 'azure', podIdentity: false, workloadIdentity },
      },
    });
    const adopted = kata('cluster: {mode: adopt}\n');
    expect(found(adopted, 'KC-04', cluster(24, false))).toEqual([
      'Kubernetes 1.24 is older than 1.25',
      'KataCcIsolationPreview is NotRegistered',
      'workload identity is off and will be switched on',
    ]);
    const written = buildGraph(adopted, resolved).nodes.find(({ id }) => id === 'K-AKS');
    expect(written).toMatchObject({
      merge: true,
      body: {
        properties: { oidcIssuerProfile: { enabled: true }, securityProfile: { workloadIdentity: { enabled: true } } },
      },
    });
  });

  it('addition 5: a system or size that cannot host confidential pods is found before anything is asked', () => {
    const nodes = kata('cluster: {pool: {osSku: Ubuntu, vmSize: Standard_D4s_v5}}\n');
    expect(found(nodes, 'KC-03')).toEqual([
      'Ubuntu cannot host confidential pods',
      'Standard_D4s_v5 cannot host confidential pods',
    ]);
  });

  it('addition 6: an attestation provider is created on request, with its resource provider; a missing one is found', () => {
    const made = buildGraph(kata('attestation: {endpoint: {provider: maa, create: true}}\n'), resolved);
    const [provider] = made.nodes.filter(({ id }) => id === 'K-MAA');
    expect(provider).toMatchObject({ type: 'Microsoft.Attestation/attestationProviders', apiVersion: '2021-06-01' });
    const [registration] = made.nodes.filter(({ kind }) => kind === 'registration');
    expect(registration).toMatchObject({ providers: expect.arrayContaining(['Microsoft.Attestation']) as string[] });
    const shared = buildGraph(kata('attestation: {endpoint: sharedeus.eus.attest.azure.net}\n'), resolved);
    expect(JSON.stringify(shared.nodes)).not.toContain('Microsoft.Attestation');
    const missing: Facts = { azure: { attestationProvider: { exists: false } } };
    expect(found(kata(), 'MA-03', missing)[0]).toContain('no attestation provider myattestationprovider');
  });

  it('addition 8: a managed HSM is referenced and never made; a vault in use is warned of', () => {
    const hsm = buildGraph(kata('vault: {name: hsm1, kind: managedHsm}\n'), resolved);
    expect(hsm.nodes.filter((node) => node.kind === 'arm' && node.type.startsWith('Microsoft.KeyVault'))).toEqual([]);
    expect(hsm.nodes.find(({ id }) => id === 'K-RA')).toMatchObject({ host: 'hsm1.managedhsm.azure.net' });
    expect(wordsOf('KC-05')).toContain('advises against a vault that is in use');
  });

  it('addition 9: the terms of the preview are said with what has become of it', () => {
    for (const term of ['self-service', 'as is', 'without service level or warranty', 'not meant for production'])
      expect(wordsOf('KC-01')).toContain(term);
  });

  it('addition 10: tools are updated as the guide says', () => {
    expect(wordsOf('TL-02')).toMatch(/az upgrade.*az --version/);
    expect(wordsOf('TL-05')).toMatch(/Cloud Shell.*az aks install-cli/);
  });

  it('addition 12: private-link begins with the values of its guide', () => {
    expect(configOf('private-link')).toMatchObject({
      resourceGroup: { name: 'pod-identity' },
      aks: { name: 'pod-identity' },
      vault: { name: 'azure-vote' },
      identity: { name: 'azure-vote' },
    });
  });

  it('addition 14: dedicated hosts that somebody has set stay', async () => {
    const [, , , adopting] = scenarios;
    if (adopting === undefined) throw new Error('there is no such scenario');
    const world = worldFor(adopting);
    const id = idOf({
      scope: { subscriptionId: resolved.subscriptionId, resourceGroup: 'myResourceGroup' },
      type: 'Microsoft.ContainerService/managedClusters',
      name: 'myAKSCluster',
    });
    const hosts = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/hostGroups/h';
    const before = world.azure.get(id) as JsonObject;
    const properties = before['properties'] as JsonObject;
    const pools = (properties['agentPoolProfiles'] as readonly JsonObject[]).map((pool) => ({
      ...pool,
      hostGroupID: hosts,
    }));
    world.azure.put(id, { ...before, properties: { ...properties, agentPoolProfiles: pools } });
    await apply(await runOf(world, adopting));
    const after = (world.azure.get(id) as JsonObject)['properties'] as JsonObject;
    expect(after['agentPoolProfiles']).toMatchObject([{ name: 'theirs', hostGroupID: hosts }, { name: 'nodepool2' }]);
  });
});
