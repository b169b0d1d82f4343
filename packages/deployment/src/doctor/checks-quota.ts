import { checkFor, findings, notChecked } from './check.ts';
import type { Check } from './check.ts';
import { quantity } from './quantity.ts';

/** What one operator pod asks for: 6 cores and 24 GiB, and a tenth of a core and half a GiB for its sidecar. */
const POD = { cores: 6.1, memoryGb: 26.3 } as const;
/** Each virtual node asks for this much of a node. */
const VIRTUAL_NODE = { cores: 2.8, memoryGb: 9 } as const;

/** What a node leaves to pods. */
function allocatable(vcpus: number, memoryGb: number, maxPods: number): { cores: number; memoryGb: number } {
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
  checkFor(['uid2-vn2', 'kata-cc', 'private-link'], {
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
      if (familyCoresFree === undefined || regionalCoresFree === undefined) return notChecked;
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
      const { containerGroupsFree, containerCoresFree } = capacity;
      if (containerGroupsFree === undefined || containerCoresFree === undefined) return notChecked;
      return findings(
        containerGroupsFree < groups && `the pods need ${groups} container groups, ${containerGroupsFree} are free`,
        containerCoresFree < cores && `the pods need ${cores} cores, ${containerCoresFree} are free`,
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
      if (publicIpsFree === undefined) return notChecked;
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
  checkFor(['uid2-vn2'], {
    id: 'QT-09',
    title: 'The numbers of nodes go together',
    severity: 'error',
    explanation: 'The pool starts with a number of nodes between the fewest and the most.',
    remedy: 'Set aks.pool.min, count and max in rising order.',
    run: (config) => {
      const { min, count, max } = config.aks.pool;
      if (min <= count && count <= max) return [];
      return [{ message: `${count} nodes are not between ${min} and ${max}`, path: ['aks', 'pool', 'count'] }];
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
      if (capacity.sku?.offered === false) return findings(`${size} is not offered in ${config.location}`);
      const free = capacity.familyCoresFree;
      if (free === undefined) return notChecked;
      return findings(free < needed && `${nodes} nodes need ${needed} cores of ${size}, ${free} are free`);
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
