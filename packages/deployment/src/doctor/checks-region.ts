import type { DeploymentConfig } from '../config/profiles.ts';
import {
  confidentialRegions,
  deniedRegion,
  isKnownRegion,
  isSovereignRegion,
  nearestRegion,
  normaliseRegion,
} from '../rules/regions.ts';
import type { RegionFacts } from '../rules/regions.ts';
import { chartCompatibility, chartTableDate, isMinorAlias, minorOf } from '../rules/kubernetes-versions.ts';
import { check, checkFor, findings, notChecked } from './check.ts';
import type { Check, Finding } from './check.ts';
import type { Facts } from './facts.ts';

function regionFacts(config: DeploymentConfig, facts: Facts): RegionFacts | undefined {
  return facts.azure?.regions?.find(({ name }) => name === normaliseRegion(config.location));
}

const at = (message: string, more: Partial<Finding> = {}): readonly Finding[] => [
  { message, path: ['location'], ...more },
];

export const regionChecks: readonly Check[] = [
  checkFor(['uid2-vn2'], {
    id: 'LO-01',
    title: 'The region is not in Europe or China',
    severity: 'error',
    explanation:
      'UID2 private operators are not supported there. A deployment would even attest, because the operator reports a constant region, and still break the contract.',
    remedy: 'Choose a region outside Europe, the United Kingdom and China, such as eastus, japaneast or southeastasia.',
    run: (config, facts) => {
      const reason = deniedRegion(config.location, regionFacts(config, facts));
      return reason === undefined ? [] : at(`UID2 private operators are not supported in Europe or China: ${reason}`);
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'LO-02',
    title: 'It is clear which country the region is in',
    severity: 'warning',
    explanation: 'eastasia is in Hong Kong; whether that counts as China is for UID2 to say.',
    remedy: 'Confirm the region with your UID2 contact.',
    run: (config, facts) => {
      if (normaliseRegion(config.location) === 'eastasia') return at('eastasia is in Hong Kong');
      const live = regionFacts(config, facts);
      if (live === undefined) return [];
      return live.geographyGroup === undefined ? at(`Azure does not say where ${config.location} is`) : [];
    },
  }),
  check({
    id: 'LO-03',
    title: 'The region exists',
    severity: 'error',
    explanation: 'Names have no spaces; logical regions such as unitedstates hold no resources.',
    remedy: 'az account list-locations -o table lists them.',
    run: (config, facts) => {
      const { location } = config;
      const name = normaliseRegion(location);
      if (name !== location) return at(`"${location}" is written ${name}`);
      const live = facts.azure?.regions;
      const found = live?.find((region) => region.name === name);
      if (found?.regionType !== undefined && found.regionType !== 'Physical')
        return at(`${location} is not a physical region`);
      if (found !== undefined || (live === undefined && isKnownRegion(name))) return [];
      const meant = nearestRegion(location);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      // Without a connection the list here may be behind.
      return at(
        `there is no region "${location}"${hint}`,
        live === undefined && meant === undefined ? { severity: 'warning' } : {},
      );
    },
  }),
  check({
    id: 'LO-04',
    title: 'The region belongs to the cloud that is used',
    severity: 'error',
    explanation: 'Regions of the clouds of governments have other endpoints, and virtual nodes must be told which.',
    remedy: 'Set virtualNode.armEndpointBaseUrl, or choose a region of the public cloud.',
    run: (config, facts) => {
      const endpoint = config.profile === 'uid2-vn2' ? config.virtualNode.armEndpointBaseUrl : facts.azure?.armEndpoint;
      const sovereign = isSovereignRegion(config.location);
      const elsewhere = endpoint !== undefined && !endpoint.includes('management.azure.com');
      if (sovereign === elsewhere) return [];
      if (sovereign) return at(`${config.location} is not in the public cloud`);
      return at(`${config.location} is in the public cloud, and the endpoint is ${endpoint}`);
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'LO-05',
    title: 'Confidential container groups are offered in the region',
    severity: 'warning',
    explanation: 'The list of documented regions is not complete, so another region is only a warning.',
    remedy: `Choose one of ${confidentialRegions.join(', ')}, or ask Azure support.`,
    run: (config, facts) => {
      const type = facts.azure?.providers?.find(({ namespace }) => namespace === 'Microsoft.ContainerInstance')?.types[
        'containerGroups'
      ];
      const name = normaliseRegion(config.location);
      if (type !== undefined && !type.locations.map(normaliseRegion).includes(name)) {
        return at(`Azure does not offer container groups in ${config.location}`, { severity: 'error' });
      }
      return confidentialRegions.includes(name)
        ? []
        : at(`${config.location} is not documented for confidential containers`);
    },
  }),
];

type Versioned = Extract<DeploymentConfig, { readonly profile: 'uid2-vn2' | 'kata-cc' | 'private-link' }>;

function versionOf(config: Versioned): { readonly version: string; readonly path: readonly string[] } {
  return config.profile === 'kata-cc'
    ? { version: config.cluster.kubernetesVersion, path: ['cluster', 'kubernetesVersion'] }
    : { version: config.aks.kubernetesVersion, path: ['aks', 'kubernetesVersion'] };
}

const versioned = ['uid2-vn2', 'kata-cc', 'private-link'] as const;

export const versionChecks: readonly Check[] = [
  checkFor(versioned, {
    id: 'KV-01',
    title: 'The Kubernetes version is offered',
    severity: 'error',
    needs: ['azure'],
    explanation: 'The service answers K8sVersionNotSupported otherwise.',
    remedy: 'Choose one that is offered: az aks get-versions --location REGION -o table.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      if (azure?.kubernetes === undefined) return notChecked;
      const minors = azure.kubernetes.map(({ minor }) => minor);
      if (version === 'auto' || minors.includes(version)) return [];
      return [{ message: `${version} is not offered in ${config.location}; there are ${minors.join(', ')}`, path }];
    },
  }),
  checkFor(versioned, {
    id: 'KV-02',
    title: 'The Kubernetes version is supported by the plan',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Old versions are offered with long-term support only, which costs more.',
    remedy: 'Choose a newer version, or the tier Premium with the plan AKSLongTermSupport.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      const longTerm =
        config.profile === 'uid2-vn2' &&
        config.aks.tier === 'Premium' &&
        config.aks.supportPlan === 'AKSLongTermSupport';
      if (config.profile === 'uid2-vn2' && config.aks.supportPlan === 'AKSLongTermSupport' && !longTerm) {
        return [{ message: 'long-term support needs the tier Premium', path: ['aks', 'tier'] }];
      }
      if (azure?.kubernetes === undefined) return notChecked;
      const offer = azure.kubernetes.find(({ minor }) => minor === version);
      if (offer === undefined || longTerm || offer.supportPlans.includes('KubernetesOfficial')) return [];
      return [{ message: `${version} is offered with long-term support only`, path }];
    },
  }),
  checkFor(versioned, {
    id: 'KV-03',
    title: 'The Kubernetes version is supported for a while',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'A version without support gets no fixes.',
    remedy: 'Plan the upgrade: the virtual node first, then the cluster.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      if (azure?.kubernetes === undefined) return notChecked;
      const days = azure.kubernetes.find(({ minor }) => minor === version)?.daysLeft;
      return days !== undefined && days <= 60
        ? [{ message: `standard support of ${version} ends in ${days} days`, path }]
        : [];
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'KV-04',
    title: 'The virtual node works with the Kubernetes version',
    severity: 'error',
    explanation: `A virtual node supports few minor versions; the newest ones come later. Its makers' table is of ${chartTableDate}.`,
    remedy: 'Choose a version that the table marks as working. For the built-in virtual node these are 1.33 and 1.34.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      const minor = azure?.cluster?.minor ?? minorOf(version);
      if (minor === undefined) return [];
      const chart = config.virtualNode.chartVersion;
      switch (chartCompatibility(chart, minor)) {
        case 'ok':
          return [];
        case 'incompatible':
          return [{ message: `the virtual node ${chart} does not work with 1.${minor}`, path }];
        case 'unknown':
          return [
            {
              message: `nobody says whether the virtual node ${chart} works with 1.${minor}`,
              path,
              severity: 'warning',
            },
          ];
        default:
          return [
            {
              message: `1.${minor} is newer than what the virtual node ${chart} was tried with`,
              path,
              severity: 'warning',
            },
          ];
      }
    },
  }),
  checkFor(versioned, {
    id: 'KV-05',
    title: 'The Kubernetes version is a minor version',
    severity: 'error',
    explanation: 'The channel patch moves the patch version: a pinned one is a downgrade, and refused, soon after.',
    remedy: 'Write the minor version only, in quotes: "1.34".',
    run: (config) => {
      const { version, path } = versionOf(config);
      if (version === 'auto' || isMinorAlias(version)) return [];
      const minor = minorOf(version);
      return [
        {
          message:
            minor === undefined
              ? `"${version}" is not a Kubernetes version`
              : `${version} names a patch version; write "1.${minor}"`,
          path,
        },
      ];
    },
  }),
  checkFor(versioned, {
    id: 'KV-06',
    title: 'The Kubernetes version is no preview',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Previews have no support.',
    remedy: 'Choose a released version.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      if (azure?.kubernetes === undefined) return notChecked;
      const preview = azure.kubernetes.find(({ minor }) => minor === version)?.preview === true;
      return preview ? [{ message: `${version} is a preview`, path }] : [];
    },
  }),
];

/** What one operator pod asks for: 6 cores and 24 GiB, and a tenth of a core and half a GiB for its sidecar. */
const POD = { cores: 6.1, memoryGb: 26.3 } as const;
/** Each virtual node asks for this much of a node. */
const VIRTUAL_NODE = { cores: 2.8, memoryGb: 9 } as const;

/** What a node leaves to pods. */
export function allocatable(vcpus: number, memoryGb: number, maxPods: number): { cores: number; memoryGb: number } {
  const reserved: Readonly<Record<number, number>> = { 1: 60, 2: 100, 4: 140, 8: 180, 16: 260, 32: 420, 64: 740 };
  const memoryMb = memoryGb * 1024;
  return {
    cores: vcpus - (reserved[vcpus] ?? 740) / 1000,
    memoryGb: (memoryMb - Math.min(20 * maxPods + 50, memoryMb / 4) - 100) / 1024,
  };
}

/** Cores of a size as its name says: the number after the family letters. */
function coresOfSize(vmSize: string): number {
  return Number(/^Standard_[A-Z]+(\d+)/.exec(vmSize)?.[1] ?? 4);
}

const quotaRemedy = 'Ask for more: az quota, or Usage + quotas in the Azure portal; or choose another region.';

export const quotaChecks: readonly Check[] = [
  checkFor(versioned, {
    id: 'QT-01',
    title: 'The size of the nodes is offered',
    severity: 'error',
    needs: ['azure'],
    explanation: 'The service answers SkuNotAvailable otherwise.',
    remedy: 'Choose another size or region: az vm list-skus --location REGION -o table.',
    run: (config, { azure }) => {
      const sku = azure?.capacity?.sku;
      if (sku === undefined) return notChecked;
      const size = config.profile === 'kata-cc' ? config.cluster.pool.vmSize : config.aks.pool.vmSize;
      return findings(
        (!sku.offered || sku.restriction !== undefined) &&
          `${size} is not available in ${config.location}${sku.restriction === undefined ? '' : `: ${sku.restriction}`}`,
      );
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'QT-02',
    title: 'There are enough cores for the nodes',
    severity: 'error',
    needs: ['azure'],
    explanation: 'At the most nodes, and one more while they are upgraded, for the family and for the region.',
    remedy: quotaRemedy,
    run: (config, { azure }) => {
      const capacity = azure?.capacity;
      if (capacity === undefined) return notChecked;
      const needed = (config.aks.pool.max + 1) * (capacity.sku?.vcpus ?? coresOfSize(config.aks.pool.vmSize));
      const { familyCoresFree, regionalCoresFree } = capacity;
      return findings(
        familyCoresFree < needed && `the nodes need ${needed} cores of their family, ${familyCoresFree} are free`,
        regionalCoresFree < needed && `the nodes need ${needed} cores, ${regionalCoresFree} are free in the region`,
      );
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'QT-03',
    title: 'There are enough container groups and cores for the pods',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Twice as many as replicas: an upgrade runs the old and the new version side by side.',
    remedy: quotaRemedy,
    run: (config, { azure }) => {
      const capacity = azure?.capacity;
      if (capacity === undefined) return notChecked;
      const groups = config.operator.replicas * 2;
      const cores = Math.ceil(groups * POD.cores);
      return findings(
        capacity.containerGroupsFree < groups &&
          `the pods need ${groups} container groups, ${capacity.containerGroupsFree} are free`,
        capacity.containerCoresFree < cores && `the pods need ${cores} cores, ${capacity.containerCoresFree} are free`,
      );
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'QT-04',
    title: 'A pod fits a confidential container group',
    severity: 'error',
    needs: ['files'],
    explanation: 'A group has at most 31 cores and 180 GB; more than 4 cores or 16 GB may meet regional limits.',
    remedy: 'Use the sizes of the release.',
    run: (_config, { files }) => {
      if (files?.bundle?.deployment === undefined) return notChecked;
      const { cores, memoryGb } = podSize(files.bundle.deployment);
      return findings(cores > 31 && `a pod may take ${cores} cores`, memoryGb > 180 && `a pod may take ${memoryGb} GB`);
    },
  }),
  checkFor(['uid2-vn2', 'peer-pods', 'private-link'], {
    id: 'QT-05',
    title: 'There are enough public addresses',
    severity: 'error',
    needs: ['azure'],
    explanation: 'One for the NAT gateway, one for the cluster, one for the Service.',
    remedy: quotaRemedy,
    run: (config, { azure }) => {
      if (azure?.capacity === undefined) return notChecked;
      const needed = { 'uid2-vn2': 3, 'peer-pods': 1, 'private-link': 2 }[config.profile];
      const { publicIpsFree } = azure.capacity;
      return findings(publicIpsFree < needed && `${needed} addresses are needed, ${publicIpsFree} are free`);
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'QT-06',
    title: 'A node is large enough for a virtual node',
    severity: 'warning',
    explanation: `Its makers ask for 4 cores and 16 GB; each virtual node takes ${VIRTUAL_NODE.cores} cores and ${VIRTUAL_NODE.memoryGb} GB.`,
    remedy: 'Use Standard_D4d_v5 or a larger size.',
    run: (config, { azure }) => {
      const sku = azure?.capacity?.sku;
      const vcpus = sku?.vcpus ?? coresOfSize(config.aks.pool.vmSize);
      const path = ['aks', 'pool', 'vmSize'];
      if (vcpus < 4) return [{ message: `${config.aks.pool.vmSize} has ${vcpus} cores`, path }];
      return sku !== undefined && sku.memoryGb < 16
        ? [{ message: `${config.aks.pool.vmSize} has ${sku.memoryGb} GB`, path }]
        : [];
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'QT-07',
    title: 'The nodes have room for the virtual nodes',
    severity: 'warning',
    explanation: 'Each virtual node needs room on one node, beside the pods of the system.',
    remedy: 'Raise aks.pool.max or choose a larger size.',
    run: (config, { azure }) => {
      const { pool } = config.aks;
      const vcpus = azure?.capacity?.sku?.vcpus ?? coresOfSize(pool.vmSize);
      const room = allocatable(vcpus, azure?.capacity?.sku?.memoryGb ?? vcpus * 4, pool.maxPods);
      const each = Math.min(
        Math.floor(room.cores / VIRTUAL_NODE.cores),
        Math.floor(room.memoryGb / VIRTUAL_NODE.memoryGb),
      );
      const fit = each * pool.max;
      const { replicas } = config.virtualNode;
      return fit >= replicas
        ? []
        : [
            {
              message: `${pool.max} nodes have room for ${fit} virtual nodes, not for ${replicas}`,
              path: ['virtualNode', 'replicas'],
            },
          ];
    },
  }),
  checkFor(['kata-cc'], {
    id: 'QT-08',
    title: 'Confidential nodes are offered',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Few regions have sizes that can host SEV-SNP child VMs.',
    remedy: quotaRemedy,
    run: (config, { azure }) => {
      const capacity = azure?.capacity;
      if (capacity === undefined) return notChecked;
      const size = config.cluster.pool.vmSize;
      const nodes = config.cluster.pool.count ?? (config.cluster.mode === 'create' ? 1 : 2);
      const needed = nodes * (capacity.sku?.vcpus ?? coresOfSize(size.replace('_DC', '_D')));
      return findings(
        capacity.sku?.offered === false && `${size} is not offered in ${config.location}`,
        capacity.familyCoresFree < needed &&
          `${nodes} nodes need ${needed} cores of ${size}, ${capacity.familyCoresFree} are free`,
      );
    },
  }),
];

/** Limits of all containers of a pod together. */
function podSize(deployment: unknown): { readonly cores: number; readonly memoryGb: number } {
  const spec = JSON.parse(JSON.stringify(deployment)) as {
    spec?: {
      template?: { spec?: { containers?: { resources?: { limits?: { cpu?: unknown; memory?: unknown } } }[] } };
    };
  };
  let cores = 0;
  let memoryGb = 0;
  for (const { resources } of spec.spec?.template?.spec?.containers ?? []) {
    cores += quantity(resources?.limits?.cpu);
    memoryGb += quantity(resources?.limits?.memory) / 1e9;
  }
  return { cores, memoryGb: Math.round(memoryGb * 10) / 10 };
}

/** A Kubernetes quantity as a number. */
export function quantity(value: unknown): number {
  const match = /^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(
    typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '',
  );
  const units: Readonly<Record<string, number>> = {
    m: 1e-3,
    k: 1e3,
    M: 1e6,
    G: 1e9,
    T: 1e12,
    Ki: 2 ** 10,
    Mi: 2 ** 20,
    Gi: 2 ** 30,
    Ti: 2 ** 40,
  };
  return match === null ? 0 : Number(match[1]) * (units[match[2] ?? ''] ?? 1);
}
