import { describe, expect, it } from 'vitest';

import {
  checkPeerPodsSettings,
  exportDeployment,
  manifestYaml,
  peerPodsProblems,
  peerPodsSets,
  readPeerPodsSettings,
} from '../../src/index.ts';
import { configOf, resolved } from '../configs.ts';
import { podVms } from '../doctor/cases/peer-pods.ts';

const settingsOf = (more: string): Readonly<Record<string, string>> => {
  const [set] = peerPodsSets(configOf('peer-pods', more), resolved);
  return (set?.objects[0]?.['data'] ?? {}) as Readonly<Record<string, string>>;
};

describe('peerPodsSets', () => {
  it('writes peer-pods-cm from the deployment, with the subnet and the group that it makes', () => {
    const group = '/subscriptions/12345678-0000-0000-0000-000000000001/resourceGroups/peer-pods';
    expect(settingsOf(podVms('  tags: {team: red, env: test}\n'))).toEqual({
      CLOUD_PROVIDER: 'azure',
      AZURE_SUBSCRIPTION_ID: '12345678-0000-0000-0000-000000000001',
      AZURE_TENANT_ID: '00000000-0000-0000-0000-00000000000a',
      AZURE_CLIENT_ID: '11111111-1111-1111-1111-111111111111',
      AZURE_REGION: 'eastus',
      AZURE_RESOURCE_GROUP: 'peer-pods',
      AZURE_SUBNET_ID: `${group}/providers/Microsoft.Network/virtualNetworks/peer-pods-vnet/subnets/peer-pods`,
      AZURE_NSG_ID: `${group}/providers/Microsoft.Network/networkSecurityGroups/peer-pods-nsg`,
      AZURE_IMAGE_ID: '/CommunityGalleries/cococommunity/Images/peerpod/Versions/1.2.3',
      AZURE_INSTANCE_SIZE: 'Standard_DC2as_v5',
      DISABLECVM: 'false',
      ENABLE_SECURE_BOOT: 'false',
      ROOT_VOLUME_SIZE: '0',
      VXLAN_PORT: '9000',
      PEERPODS_LIMIT_PER_NODE: '10',
      PROXY_TIMEOUT: '5m',
      TAGS: 'team=red,env=test',
    });
  });

  it('puts machines into the worker subnet where the configuration says so', () => {
    const group = '/subscriptions/12345678-0000-0000-0000-000000000001/resourceGroups/openshift';
    expect(settingsOf(`network: {peerPods: {mode: workerSubnet}}\n${podVms()}`)).toMatchObject({
      AZURE_SUBNET_ID: `${group}/providers/Microsoft.Network/virtualNetworks/openshift-vnet/subnets/worker`,
      AZURE_NSG_ID: `${group}/providers/Microsoft.Network/networkSecurityGroups/openshift-nsg`,
    });
  });

  it('writes what the reader of peer-pods-cm finds nothing wrong with', () => {
    const [set] = peerPodsSets(
      configOf('peer-pods', podVms('  sizes: [Standard_DC2as_v5, Standard_DC4as_v5]\n')),
      resolved,
    );
    const settings = readPeerPodsSettings(manifestYaml(set ?? { title: '', notes: [], objects: [] }));
    expect(settings.problems.map(({ key, severity }) => [key, severity])).toEqual([['AZURE_CLIENT_SECRET', 'warning']]);
    expect(checkPeerPodsSettings(settings, { confidentialGate: true, nodes: 3, subnetCidr: '10.20.0.0/24' })).toEqual(
      [],
    );
  });

  it('says in the feature gate what DISABLECVM says', () => {
    const [set] = peerPodsSets(configOf('peer-pods', podVms('  confidential: false\n')), resolved);
    expect(set?.objects.map(({ metadata, ...object }) => [metadata.name, metadata.namespace, object['data']])).toEqual([
      ['peer-pods-cm', 'openshift-sandboxed-containers-operator', expect.objectContaining({ DISABLECVM: 'true' })],
      ['osc-feature-gates', 'openshift-sandboxed-containers-operator', { confidential: 'false' }],
    ]);
  });

  it('refuses peer pods outside the named namespaces, with an admission policy', () => {
    const [, policy] = peerPodsSets(configOf('peer-pods', podVms()), resolved);
    expect(policy?.objects.map(({ kind }) => kind)).toEqual([
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionPolicyBinding',
    ]);
    expect(JSON.stringify(policy?.objects)).toContain('in [\\"red\\"]');
    expect(peerPodsSets(configOf('peer-pods', podVms().replace('[red]', '[]')), resolved)).toHaveLength(1);
  });

  it('writes nothing for a deployment of the network alone', () => {
    expect(peerPodsSets(configOf('peer-pods'), resolved)).toEqual([]);
    expect(peerPodsProblems(configOf('peer-pods'))).toEqual([]);
  });
});

describe('exportDeployment of peer pods', () => {
  const { files } = exportDeployment(configOf('peer-pods', podVms()), resolved);

  it('has the objects beside the templates, and says how to use them', () => {
    expect([...files.keys()].filter((file) => file.startsWith('k8s/'))).toEqual([
      'k8s/peer-pods-cm.yaml',
      'k8s/peer-pods-namespaces.yaml',
    ]);
    expect(files.get('DEPLOY.md')).toContain(
      'kubectl --kubeconfig kubeconfig apply --server-side --field-manager holdfast-peer-pods -f k8s/peer-pods-cm.yaml',
    );
    expect(files.get('DEPLOY.md')).toContain('oc config view --minify --flatten > kubeconfig');
  });

  it('holds no secret of an identity', () => {
    expect([...files.values()].join('\n')).not.toMatch(/AZURE_CLIENT_SECRET: ./);
  });
});
