import { peerPodsNamespacePolicy } from '@holdfast/admission';

import type { PeerPodsConfig } from '../config/peer-pods.ts';
import { podVmPlaces, tunnelPort } from '../graph/peer-pods.ts';
import type { Resolved } from '../graph/types.ts';
import { manifestYaml } from '../manifests/object.ts';
import type { KubernetesObject, ManifestSet } from '../manifests/object.ts';
import { tenantPlaceholder } from '../manifests/placeholders.ts';
import { checkPeerPodsSettings } from './check-settings.ts';
import type { PeerPodsSurroundings } from './check-settings.ts';
import { readPeerPodsSettings } from './read-settings.ts';
import type { SettingProblem } from './read-settings.ts';
import type { SettingName } from './settings-keys.ts';

type PodVms = NonNullable<PeerPodsConfig['podVms']>;

/** `peer-pods-cm` of a deployment. The secret of the identity is not in it: that is for `peer-pods-secret`. */
function peerPodsData(
  config: PeerPodsConfig,
  podVms: PodVms,
  resolved: Pick<Resolved, 'subscriptionId' | 'tenantId'>,
): Readonly<Partial<Record<SettingName, string>>> {
  const { subnet, nsg } = podVmPlaces(config, resolved.subscriptionId);
  const tags = Object.entries(podVms.tags).map(([key, value]) => `${key}=${value}`);
  return {
    CLOUD_PROVIDER: 'azure',
    AZURE_SUBSCRIPTION_ID: resolved.subscriptionId,
    AZURE_TENANT_ID: config.tenantId ?? resolved.tenantId ?? tenantPlaceholder,
    AZURE_CLIENT_ID: podVms.clientId,
    AZURE_REGION: config.location,
    AZURE_RESOURCE_GROUP: config.resourceGroup.name,
    AZURE_SUBNET_ID: subnet,
    AZURE_NSG_ID: nsg,
    AZURE_IMAGE_ID: podVms.imageId,
    AZURE_INSTANCE_SIZE: podVms.size,
    ...(podVms.sizes.length === 0 ? {} : { AZURE_INSTANCE_SIZES: podVms.sizes.join(',') }),
    DISABLECVM: String(!podVms.confidential),
    ENABLE_SECURE_BOOT: String(podVms.secureBoot),
    ROOT_VOLUME_SIZE: String(podVms.rootVolumeGb),
    VXLAN_PORT: String(tunnelPort),
    PEERPODS_LIMIT_PER_NODE: String(podVms.limitPerNode),
    PROXY_TIMEOUT: podVms.proxyTimeout,
    ...(tags.length === 0 ? {} : { TAGS: tags.join(',') }),
    ...(podVms.initdata === undefined ? {} : { INITDATA: podVms.initdata }),
  };
}

/** What the cluster of peer pods is told: its settings, and where peer pods may run. Empty without `podVms`. */
export function peerPodsSets(
  config: PeerPodsConfig,
  resolved: Pick<Resolved, 'subscriptionId' | 'tenantId'>,
): readonly ManifestSet[] {
  const { podVms } = config;
  if (podVms === undefined) return [];
  const data = peerPodsData(config, podVms, resolved);
  const common = { fieldManager: 'holdfast-peer-pods', createOnly: [] };
  const settings: ManifestSet = {
    id: 'P-CM',
    file: 'peer-pods-cm.yaml',
    title: 'Settings of peer pods',
    ...common,
    objects: settingsObjects(podVms, data),
    notes: [
      'A secret of the identity belongs in the Secret peer-pods-secret as AZURE_CLIENT_SECRET; with workload identity there is none.',
      'Changes count once the pods of the DaemonSet of the cloud API adaptor are new.',
      'Set spec.enablePeerPods of the KataConfig to true: that makes the runtime class, and restarts nodes.',
      ...(data.AZURE_TENANT_ID === tenantPlaceholder ? ['Not complete: put in the tenant id (tenantId).'] : []),
    ],
  };
  if (podVms.allowedNamespaces.length === 0) return [settings];
  const policy: ManifestSet = {
    id: 'P-POLICY',
    file: 'peer-pods-namespaces.yaml',
    title: 'Namespaces that may hold peer pods',
    ...common,
    objects: peerPodsNamespacePolicy(podVms.runtimeClass, podVms.allowedNamespaces) as unknown as KubernetesObject[],
    notes: [],
  };
  return [settings, policy];
}

function settingsObjects(
  { namespace, confidential }: PodVms,
  data: Readonly<Partial<Record<SettingName, string>>>,
): readonly KubernetesObject[] {
  const configMap = (name: string, content: Readonly<Record<string, string>>): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    data: content,
  });
  return [configMap('peer-pods-cm', data), configMap('osc-feature-gates', { confidential: String(confidential) })];
}

/** What is wrong with the settings that a deployment leads to; the tenant and a secret may come later. */
export function peerPodsProblems(
  config: PeerPodsConfig,
  surroundings: PeerPodsSurroundings = {},
): readonly SettingProblem[] {
  const { podVms } = config;
  if (podVms === undefined) return [];
  const unknown = '00000000-0000-0000-0000-000000000000';
  const resolved = { subscriptionId: config.subscriptionId ?? unknown, tenantId: config.tenantId ?? unknown };
  const [set] = peerPodsSets(config, resolved);
  if (set === undefined) return [];
  const settings = readPeerPodsSettings(manifestYaml(set));
  const crossed = checkPeerPodsSettings(settings, { confidentialGate: podVms.confidential, ...surroundings });
  return [...settings.problems, ...crossed].filter(({ key }) => key !== 'AZURE_CLIENT_SECRET');
}
