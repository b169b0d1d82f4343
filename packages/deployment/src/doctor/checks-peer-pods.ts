import { excludedNamespaces } from '@holdfast/admission';
import { decodeInitdata, initdataClaims } from '@holdfast/initdata';

import { textAt } from '../bundle/shape.ts';
import type { PeerPodsConfig } from '../config/peer-pods.ts';
import { cidrOf, containsAddress, keptAddresses, parseAddress, usableAddresses } from '../network/cidr.ts';
import { peerPodsProblems } from '../peer-pods/settings-objects.ts';
import { checkFor, notChecked } from './check.ts';
import type { Check, Finding } from './check.ts';
import type { PeerPodClusterFacts } from './facts.ts';

/** Where each setting comes from. */
const PLACES: Readonly<Record<string, string>> = {
  AZURE_IMAGE_ID: 'imageId',
  AZURE_INSTANCE_SIZE: 'size',
  AZURE_INSTANCE_SIZES: 'sizes',
  DISABLECVM: 'confidential',
  PEERPODS_LIMIT_PER_NODE: 'limitPerNode',
  INITDATA: 'initdata',
  TAGS: 'tags',
};

export const peerPodsChecks: readonly Check[] = [
  checkFor(['peer-pods'], {
    id: 'PP-01',
    title: 'The settings of the pod VMs can be used',
    severity: 'error',
    explanation: 'The cloud API adaptor takes values that it cannot read silently for its defaults.',
    remedy: 'Correct the named member of podVms; holdfast peer-pods check looks at a peer-pods-cm that exists.',
    run: (config, { peerPodCluster: cluster }) => {
      const nodes = cluster?.workers.length;
      const problems = peerPodsProblems(config, {
        subnetCidr: podVmRange(config),
        ...(nodes === undefined || nodes === 0 ? {} : { nodes }),
      });
      return problems.map(({ severity, key, message }): Finding => {
        const place = PLACES[key];
        const path = place === undefined ? ['podVms'] : ['podVms', place];
        return { message: `${key}: ${message}`, severity, path };
      });
    },
  }),
  checkFor(['peer-pods'], {
    id: 'PP-02',
    title: 'The cluster has the newest version of OpenShift',
    severity: 'warning',
    needs: ['cluster'],
    explanation: 'Confidential containers are supported on the latest version of OpenShift Container Platform.',
    remedy: 'Update the cluster.',
    run: (_config, { peerPodCluster: cluster }) => {
      if (cluster === undefined) return notChecked;
      const { openShift, kubernetes } = cluster;
      if (openShift === undefined) {
        return [{ message: `Kubernetes ${kubernetes} without the interface of OpenShift`, severity: 'info' }];
      }
      if (openShift.updates.length === 0) return [];
      return [{ message: `OpenShift ${openShift.version}; there is ${openShift.updates.join(', ')}` }];
    },
  }),
  checkFor(['peer-pods'], {
    id: 'PP-03',
    title: 'The key broker is in another trust domain',
    severity: 'error',
    needs: ['config', 'cluster'],
    explanation: 'Whoever runs the untrusted cluster could change a broker in it, and would get every secret.',
    remedy: 'Run Trustee on a trusted cluster, and put its address into the initdata.',
    run: (config, { peerPodCluster: cluster }) => {
      const url = brokerUrl(config);
      const found: Finding[] = [];
      const inside = url === undefined ? undefined : insideOf(config, url);
      if (inside !== undefined) {
        found.push({ message: `the initdata name ${url}, which is ${inside}`, path: ['podVms', 'initdata'] });
      }
      for (const pod of cluster?.keyBrokers ?? []) {
        found.push({ message: `the pod ${pod} of this cluster looks like a key broker`, severity: 'warning' });
      }
      return found.length === 0 && url === undefined && cluster === undefined ? notChecked : found;
    },
  }),
  checkFor(['peer-pods'], {
    id: 'PP-04',
    title: 'Only named namespaces may hold peer pods',
    severity: 'warning',
    needs: ['config', 'cluster'],
    explanation: 'Machines cost money, and the webhook counts none in the namespaces that it is not asked about.',
    remedy: 'Name the namespaces in podVms.allowedNamespaces, and run holdfast peer-pods configure.',
    run: (config, { peerPodCluster: cluster }) => namespaceFindings(config, cluster),
  }),
  checkFor(['peer-pods'], {
    id: 'PP-05',
    title: 'The pod VMs have a way out',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Pod VMs pull their images themselves, and reach the key broker and the certificates of processors.',
    remedy: 'Attach the NAT gateway to the subnet of the pod VMs; the deployment does it.',
    run: (config, { azure }) => {
      const { name } = podVmSubnet(config);
      const subnet = azure?.network?.subnets.find((one) => one.name === name);
      if (subnet === undefined) return notChecked;
      return subnet.nat || subnet.otherEgress ? [] : [{ message: `${name} has neither NAT gateway nor route` }];
    },
  }),
  checkFor(['peer-pods'], {
    id: 'PP-06',
    title: 'The networks of cluster and pod VMs are peered in both directions',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'One peering alone stays Initiated and lets nothing through.',
    remedy: 'Apply the deployment again; a peering that is Disconnected has to be deleted first, on both sides.',
    run: (config, { azure }) => {
      if (config.network.peerPods.mode !== 'dedicatedVnet') return [];
      const peerings = azure?.network?.podVmPeerings;
      if (peerings === undefined) return notChecked;
      return peerings.flatMap(({ direction, state, access }): readonly Finding[] => {
        if (state !== 'Connected') return [{ message: `the peering ${direction} is ${state ?? 'missing'}` }];
        return access ? [] : [{ message: `the peering ${direction} allows no access to the network` }];
      });
    },
  }),
  checkFor(['peer-pods'], {
    id: 'PP-07',
    title: 'The runtime class of peer pods exists',
    severity: 'error',
    needs: ['cluster'],
    explanation:
      'The operator makes it once enablePeerPods of the KataConfig is true. Its overhead is what a worker pays.',
    remedy: 'Set spec.enablePeerPods of the KataConfig to true, and wait until the nodes have restarted.',
    run: ({ podVms }, { peerPodCluster: cluster }) => {
      if (cluster === undefined || podVms === undefined) return notChecked;
      const { runtimeClass } = cluster;
      const name = podVms.runtimeClass;
      if (runtimeClass === undefined) return [{ message: `there is no runtime class ${name}` }];
      if (runtimeClass.handler !== 'kata-remote') {
        return [{ message: `the handler of ${name} is ${runtimeClass.handler}, not kata-remote` }];
      }
      const counted = runtimeClass.cpuCores > 0 || runtimeClass.memoryBytes > 0;
      return counted
        ? []
        : [{ message: `${name} has no overhead: pods cost the workers more than is counted`, severity: 'warning' }];
    },
  }),
  checkFor(['peer-pods'], {
    id: 'PP-08',
    title: 'Every worker can hold the pod VMs that it offers',
    severity: 'warning',
    needs: ['cluster'],
    explanation: 'Slots, overhead on the worker and addresses of the subnet limit peer pods; the smallest counts.',
    remedy: 'Lower podVms.limitPerNode, or enlarge the workers or the subnet.',
    run: (config, { peerPodCluster: cluster }) =>
      cluster === undefined || config.podVms === undefined ? notChecked : workerFindings(config, cluster),
  }),
];

function podVmSubnet({ network, cluster }: PeerPodsConfig): { readonly name: string; readonly cidr: string } {
  return network.peerPods.mode === 'dedicatedVnet' ? network.subnet : cluster.workerSubnet;
}

function podVmRange(config: PeerPodsConfig): string {
  return podVmSubnet(config).cidr;
}

/** The broker that the initdata of the configuration name; undefined when they name none or cannot be read. */
function brokerUrl({ podVms }: PeerPodsConfig): string | undefined {
  if (podVms?.initdata === undefined) return undefined;
  try {
    const claims = initdataClaims(decodeInitdata(podVms.initdata).document);
    return textAt(claims['aa.toml'], 'token_configs', 'kbs', 'url');
  } catch {
    return undefined; // PP-01 says what is wrong with them
  }
}

/** How an address is one of the cluster itself; undefined when it is not. */
function insideOf({ cluster }: PeerPodsConfig, url: string): string | undefined {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  if (host === '' || host === 'localhost' || host.startsWith('127.')) return 'no address of a broker for machines';
  if (/(?:^|\.)svc(?:\.cluster\.local)?$/.test(host) || !host.includes('.')) return 'a Service of the cluster';
  const address = parseAddress(host);
  if (address === undefined) return undefined;
  const ranges = [
    ['the network of the cluster', cluster.vnet.cidr],
    ['the Services of the cluster', cluster.serviceCidr],
    ['the pods of the cluster', cluster.podCidr],
  ] as const;
  const hit = ranges.find(([, text]) => {
    const range = cidrOf(text);
    return range !== undefined && containsAddress(range, address);
  });
  return hit === undefined ? undefined : `an address of ${hit[0]}`;
}

function namespaceFindings({ podVms }: PeerPodsConfig, cluster: PeerPodClusterFacts | undefined): readonly Finding[] {
  if (podVms === undefined) return [];
  const { allowedNamespaces: allowed } = podVms;
  const path = ['podVms', 'allowedNamespaces'];
  if (allowed.length === 0) return [{ message: 'every namespace may hold peer pods', path }];
  const found: Finding[] = allowed
    .filter((name) => excludedNamespaces.includes(name))
    .map((name) => ({
      message: `${name} is a namespace whose pods the webhook does not count`,
      path,
      severity: 'error',
    }));
  if (cluster === undefined) return found;
  const outside = cluster.namespaces.filter((name) => !allowed.includes(name));
  if (outside.length > 0) found.push({ message: `there are peer pods in ${outside.join(', ')}` });
  if (!cluster.namespacePolicy) found.push({ message: 'the cluster has no policy that says where peer pods may run' });
  return found;
}

function workerFindings(config: PeerPodsConfig, cluster: PeerPodClusterFacts): readonly Finding[] {
  const { podVms } = config;
  const { workers, runtimeClass } = cluster;
  if (podVms === undefined) return [];
  if (workers.length === 0) return [{ message: 'no node is labelled for peer pods' }];
  const range = cidrOf(podVmRange(config));
  // In a subnet of their own the machines share the addresses that Azure leaves; the workers have theirs elsewhere.
  const addresses = range === undefined ? Infinity : Math.floor(usableAddresses(range) / workers.length);
  return workers.flatMap(({ name, cpuCores, memoryBytes, offered }): readonly Finding[] => {
    const limits = [
      ['its processors', runtimeClass?.cpuCores ? Math.floor(cpuCores / runtimeClass.cpuCores) : Infinity],
      ['its memory', runtimeClass?.memoryBytes ? Math.floor(memoryBytes / runtimeClass.memoryBytes) : Infinity],
      [`addresses of the subnet (Azure keeps ${keptAddresses})`, addresses],
    ] as const;
    const slots = offered ?? podVms.limitPerNode;
    const [reason, least] = limits.reduce((a, b) => (b[1] < a[1] ? b : a));
    if (least < slots) return [{ message: `${name} offers ${slots} pod VMs, and ${reason} suffice for ${least}` }];
    if (offered === undefined && podVms.limitPerNode >= 0) {
      return [{ message: `${name} offers no pod VMs: peer pods stay Pending with Insufficient kata.peerpods.io/vm` }];
    }
    return [];
  });
}
