import { listAt, mapAt, numberAt, stringAt, valueAt } from '../objects.ts';
import type { ClusterObject } from '../objects.ts';
import { humanDuration } from './duration.ts';
import { podColumns } from './pod-columns.ts';
import type { TableColumn } from './scheme.ts';

type Cell = TableColumn['cell'];

const NONE = '<none>';

export function column(name: string, cell: Cell, type: TableColumn['type'] = 'string', priority = 0): TableColumn {
  return { name, type, priority, cell };
}

export function nameColumn(): TableColumn {
  return { name: 'Name', type: 'string', format: 'name', priority: 0, cell: (object) => object.metadata.name };
}

export function ageColumn(): TableColumn {
  return column('Age', (object, now) => ageOf(object.metadata.creationTimestamp, now));
}

/** `5m`, as kubectl shows ages. */
export function ageOf(time: unknown, now: number): string {
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(at) ? '<unknown>' : humanDuration(now - at);
}

const text =
  (...path: readonly string[]): Cell =>
  (object) => {
    const value = valueAt(object, ...path);
    return value === undefined || value === null || value === '' ? NONE : value;
  };
const count =
  (...path: readonly string[]): Cell =>
  (object) =>
    numberAt(object, ...path) ?? 0;
const size =
  (...path: readonly string[]): Cell =>
  (object) =>
    Object.keys(mapAt(object, ...path)).length;
const joined = (values: readonly unknown[]): string => (values.length === 0 ? NONE : values.join(','));
const wide = (name: string, cell: Cell): TableColumn => column(name, cell, 'string', 1);

const containerNames: Cell = (object) =>
  joined(listAt(object, 'spec', 'template', 'spec', 'containers').map((one) => valueAt(one, 'name')));
const containerImages: Cell = (object) =>
  joined(listAt(object, 'spec', 'template', 'spec', 'containers').map((one) => valueAt(one, 'image')));
const labelsText = (labels: unknown): string =>
  joined(Object.entries(mapAt(labels)).map(([name, value]) => `${name}=${String(value)}`));
const selector: Cell = (object) => labelsText(mapAt(object, 'spec', 'selector', 'matchLabels'));
const templateColumns = [wide('Containers', containerNames), wide('Images', containerImages)];
const ready =
  (all: Cell): Cell =>
  (object, now) =>
    `${numberAt(object, 'status', 'readyReplicas') ?? 0}/${String(all(object, now))}`;

const role: Cell = (object) =>
  `${stringAt(object, 'roleRef', 'kind') ?? ''}/${stringAt(object, 'roleRef', 'name') ?? ''}`;

/** Columns of a kind between its name and its age, and those behind the age. */
const COLUMNS: Readonly<
  Record<string, { readonly before?: readonly TableColumn[]; readonly after?: readonly TableColumn[] }>
> = {
  Namespace: { before: [column('Status', text('status', 'phase'))] },
  ConfigMap: {
    before: [
      column('Data', (object) => Number(size('data')(object, 0)) + Number(size('binaryData')(object, 0)), 'integer'),
    ],
  },
  Secret: { before: [column('Type', text('type')), column('Data', size('data'), 'integer')] },
  ServiceAccount: { before: [column('Secrets', (object) => listAt(object, 'secrets').length, 'integer')] },
  Service: {
    before: [
      column('Type', text('spec', 'type')),
      column('Cluster-IP', text('spec', 'clusterIP')),
      column('External-IP', externalAddress),
      column('Port(s)', servicePorts),
    ],
    after: [wide('Selector', (object) => labelsText(valueAt(object, 'spec', 'selector')))],
  },
  Node: {
    before: [column('Status', nodeStatus), column('Roles', nodeRoles)],
    after: [
      column('Version', text('status', 'nodeInfo', 'kubeletVersion')),
      wide('Internal-IP', nodeAddress('InternalIP')),
      wide('External-IP', nodeAddress('ExternalIP')),
      wide('OS-Image', text('status', 'nodeInfo', 'osImage')),
      wide('Kernel-Version', text('status', 'nodeInfo', 'kernelVersion')),
      wide('Container-Runtime', text('status', 'nodeInfo', 'containerRuntimeVersion')),
    ],
  },
  Deployment: {
    before: [
      column('Ready', ready(count('spec', 'replicas'))),
      column('Up-to-date', count('status', 'updatedReplicas'), 'integer'),
      column('Available', count('status', 'availableReplicas'), 'integer'),
    ],
    after: [...templateColumns, wide('Selector', selector)],
  },
  ReplicaSet: {
    before: [
      column('Desired', count('spec', 'replicas'), 'integer'),
      column('Current', count('status', 'replicas'), 'integer'),
      column('Ready', count('status', 'readyReplicas'), 'integer'),
    ],
    after: [...templateColumns, wide('Selector', selector)],
  },
  StatefulSet: { before: [column('Ready', ready(count('spec', 'replicas')))], after: templateColumns },
  DaemonSet: {
    before: [
      column('Desired', count('status', 'desiredNumberScheduled'), 'integer'),
      column('Current', count('status', 'currentNumberScheduled'), 'integer'),
      column('Ready', count('status', 'numberReady'), 'integer'),
      column('Up-to-date', count('status', 'updatedNumberScheduled'), 'integer'),
      column('Available', count('status', 'numberAvailable'), 'integer'),
      column('Node Selector', (object) => labelsText(valueAt(object, 'spec', 'template', 'spec', 'nodeSelector'))),
    ],
    after: [...templateColumns, wide('Selector', selector)],
  },
  Endpoints: { before: [column('Endpoints', endpointsText)] },
  EndpointSlice: {
    before: [
      column('AddressType', text('addressType')),
      column('Ports', (object) => joined(listAt(object, 'ports').map((port) => valueAt(port, 'port')))),
      column('Endpoints', (object) => joined(listAt(object, 'endpoints').flatMap((one) => listAt(one, 'addresses')))),
    ],
  },
  PersistentVolumeClaim: {
    before: [
      column('Status', text('status', 'phase')),
      column('Volume', (object) => stringAt(object, 'spec', 'volumeName') ?? ''),
      column('Capacity', (object) => stringAt(object, 'status', 'capacity', 'storage') ?? ''),
      column('Access Modes', (object) => listAt(object, 'spec', 'accessModes').join(',')),
      column('StorageClass', (object) => stringAt(object, 'spec', 'storageClassName') ?? ''),
    ],
  },
  PodDisruptionBudget: {
    before: [
      column('Min Available', (object) => valueAt(object, 'spec', 'minAvailable') ?? 'N/A'),
      column('Max Unavailable', (object) => valueAt(object, 'spec', 'maxUnavailable') ?? 'N/A'),
      column('Allowed Disruptions', count('status', 'disruptionsAllowed'), 'integer'),
    ],
  },
  Lease: { before: [column('Holder', text('spec', 'holderIdentity'))] },
  RuntimeClass: { before: [column('Handler', text('handler'))] },
  PriorityClass: {
    before: [
      column('Value', count('value'), 'integer'),
      column('Global-Default', (object) => valueAt(object, 'globalDefault') ?? false, 'boolean'),
    ],
  },
  StorageClass: {
    before: [
      column('Provisioner', text('provisioner')),
      column('ReclaimPolicy', text('reclaimPolicy')),
      column('VolumeBindingMode', text('volumeBindingMode')),
      column('AllowVolumeExpansion', (object) => valueAt(object, 'allowVolumeExpansion') ?? false, 'boolean'),
    ],
  },
  CSIDriver: {
    before: [
      column('AttachRequired', (object) => valueAt(object, 'spec', 'attachRequired') ?? true, 'boolean'),
      column('PodInfoOnMount', (object) => valueAt(object, 'spec', 'podInfoOnMount') ?? false, 'boolean'),
      column('Modes', (object) => joined(listAt(object, 'spec', 'volumeLifecycleModes'))),
    ],
  },
  RoleBinding: { before: [column('Role', role)] },
  ClusterRoleBinding: { before: [column('Role', role)] },
  MutatingWebhookConfiguration: {
    before: [column('Webhooks', (object) => listAt(object, 'webhooks').length, 'integer')],
  },
  ValidatingWebhookConfiguration: {
    before: [column('Webhooks', (object) => listAt(object, 'webhooks').length, 'integer')],
  },
  Job: {
    before: [
      column(
        'Completions',
        (object) => `${numberAt(object, 'status', 'succeeded') ?? 0}/${numberAt(object, 'spec', 'completions') ?? 1}`,
      ),
    ],
  },
};

const EVENT_COLUMNS: readonly TableColumn[] = [
  column('Last Seen', (event, now) =>
    ageOf(valueAt(event, 'lastTimestamp') ?? valueAt(event, 'eventTime') ?? event.metadata.creationTimestamp, now),
  ),
  column('Type', text('type')),
  column('Reason', text('reason')),
  column(
    'Object',
    (event) =>
      `${(stringAt(event, 'involvedObject', 'kind') ?? '').toLowerCase()}/${stringAt(event, 'involvedObject', 'name') ?? ''}`,
  ),
  wide('Subobject', (event) => stringAt(event, 'involvedObject', 'fieldPath') ?? ''),
  wide('Source', (event) => stringAt(event, 'source', 'component') ?? stringAt(event, 'reportingComponent') ?? ''),
  column('Message', (event) => (stringAt(event, 'message') ?? '').trim()),
  wide('First Seen', (event, now) => ageOf(valueAt(event, 'firstTimestamp') ?? event.metadata.creationTimestamp, now)),
  wide('Count', (event) => String(numberAt(event, 'count') ?? 1)),
  { name: 'Name', type: 'string', format: 'name', priority: 1, cell: (event) => event.metadata.name },
];

/** The columns that `kubectl get` shows for a built-in kind. */
export function columnsOf(kind: string): readonly TableColumn[] {
  if (kind === 'Event') return EVENT_COLUMNS;
  if (kind === 'Pod') return [nameColumn(), ...podColumns(ageColumn())];
  if (kind === 'CustomResourceDefinition' || kind === 'ClusterRole' || kind === 'Role') {
    return [nameColumn(), column('Created At', (object) => object.metadata.creationTimestamp, 'date')];
  }
  const columns = COLUMNS[kind];
  return [nameColumn(), ...(columns?.before ?? []), ageColumn(), ...(columns?.after ?? [])];
}

function externalAddress(service: ClusterObject): string {
  const external = listAt(service, 'spec', 'externalIPs');
  switch (stringAt(service, 'spec', 'type')) {
    case 'LoadBalancer': {
      const given = listAt(service, 'status', 'loadBalancer', 'ingress').map(
        (one) => stringAt(one, 'ip') ?? stringAt(one, 'hostname') ?? '',
      );
      const all = [...given, ...external];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    case 'ExternalName':
      return stringAt(service, 'spec', 'externalName') ?? NONE;
    default:
      return joined(external);
  }
}

function servicePorts(service: ClusterObject): string {
  return joined(
    listAt(service, 'spec', 'ports').map((port) => {
      const node = numberAt(port, 'nodePort');
      return `${numberAt(port, 'port') ?? ''}${node === undefined ? '' : `:${node}`}/${stringAt(port, 'protocol') ?? 'TCP'}`;
    }),
  );
}

function nodeStatus(node: ClusterObject): string {
  const condition = listAt(node, 'status', 'conditions').find((one) => valueAt(one, 'type') === 'Ready');
  const words = [condition === undefined ? 'Unknown' : valueAt(condition, 'status') === 'True' ? 'Ready' : 'NotReady'];
  if (valueAt(node, 'spec', 'unschedulable') === true) words.push('SchedulingDisabled');
  return words.join(',');
}

function nodeRoles(node: ClusterObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const labels = node.metadata.labels ?? {};
  const roles = Object.keys(labels).filter((name) => name.startsWith(prefix));
  const named = [...roles.map((name) => name.slice(prefix.length)), labels['kubernetes.io/role'] ?? ''];
  return joined(named.filter((name) => name !== '').sort());
}

function nodeAddress(type: string): Cell {
  return (node) => {
    const found = listAt(node, 'status', 'addresses').find((one) => valueAt(one, 'type') === type);
    return stringAt(found, 'address') ?? NONE;
  };
}

function endpointsText(endpoints: ClusterObject): string {
  const all = listAt(endpoints, 'subsets').flatMap((subset) =>
    listAt(subset, 'addresses').flatMap((address) =>
      listAt(subset, 'ports').map((port) => `${stringAt(address, 'ip') ?? ''}:${numberAt(port, 'port') ?? ''}`),
    ),
  );
  return all.length > 3 ? `${all.slice(0, 3).join(',')} + ${all.length - 3} more...` : joined(all);
}
