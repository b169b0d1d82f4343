import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';

/** Images of one release of the virtual node. */
interface VirtualNodeImages {
  readonly admissionController: string;
  readonly criSocketAdapter: string;
  readonly initConfig: string;
  readonly kubelet: string;
  readonly mountHost: string;
  /** Older than the others on purpose: its measurement is part of policies. */
  readonly mountHostConfidential: string;
  readonly nodeDriverRegistrar: string;
  readonly proxyCri: string;
  readonly spdyCompat: string;
  readonly virtualCsi: string;
}

/** The values of the chart that can be set here, under its own names where they differ from ours. */
export interface VirtualNodeValues {
  readonly chartVersion: string;
  readonly releaseName: string;
  readonly namespace: string;
  readonly replicaCount: number;
  readonly admissionControllerReplicaCount: number;
  readonly aciSubnetName: string;
  readonly aciResourceGroupName: string;
  readonly zones: string;
  /** `key=value,key=value` */
  readonly nodeLabels: string;
  /** `key=value;key=value` */
  readonly customTags: string;
  readonly armEndpointBaseUrl: string;
  readonly infraPodMinRestartDelaySeconds: number;
  readonly kubeProxyEnabled: boolean;
  readonly images: VirtualNodeImages;
}

/** The release whose objects are built here. */
export const pinnedChartVersion = '1.3409.26080501';

const registry = 'mcr.microsoft.com/aci/virtual-node-2-';
const tag = 'main_20260805.1';

const pinnedImages: VirtualNodeImages = {
  admissionController: `${registry}admission-controller:${tag}`,
  criSocketAdapter: `${registry}cri-socket-adapter:${tag}`,
  initConfig: `${registry}init-config:${tag}`,
  kubelet: `${registry}kubelet:${tag}`,
  mountHost: `${registry}mount-host:${tag}`,
  mountHostConfidential: `${registry}mount-host:main_20250801.1`,
  nodeDriverRegistrar: `${registry}aci:${tag}`,
  proxyCri: `${registry}proxy-cri:${tag}`,
  spdyCompat: `${registry}spdy-compat:${tag}`,
  virtualCsi: `${registry}virtual-csi:${tag}`,
};

/** The values of a configuration. */
export function virtualNodeValues(config: Uid2Vn2Config): VirtualNodeValues {
  const { virtualNode } = config;
  return {
    chartVersion: virtualNode.chartVersion,
    releaseName: virtualNode.releaseName,
    namespace: virtualNode.namespace,
    replicaCount: virtualNode.replicas,
    admissionControllerReplicaCount: 1,
    aciSubnetName: virtualNode.aciSubnetName ?? config.network.subnets.cg.name,
    aciResourceGroupName: virtualNode.aciResourceGroupName ?? '',
    zones: virtualNode.zone ?? '',
    nodeLabels: joined(virtualNode.nodeLabels, ','),
    customTags: joined(virtualNode.customTags, ';'),
    armEndpointBaseUrl: virtualNode.armEndpointBaseUrl ?? '',
    infraPodMinRestartDelaySeconds: 120,
    kubeProxyEnabled: true,
    images: pinnedImages,
  };
}

function joined(record: Readonly<Record<string, string>>, separator: string): string {
  return Object.entries(record)
    .map(([name, value]) => `${name}=${value}`)
    .join(separator);
}

/** Name of the StatefulSet; with `-0` at its end that of the node. */
export function virtualNodeName(releaseName: string): string {
  const name = releaseName.includes('virtualnode') ? releaseName : `${releaseName}-virtualnode`;
  return name.slice(0, 63).replace(/-$/, '');
}
