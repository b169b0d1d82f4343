import type { ObjectInput } from '../objects.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const READ = ['get', 'list', 'watch'];
const ALL = [...READ, 'create', 'update', 'patch', 'delete', 'deletecollection'];
const RBAC = 'rbac.authorization.k8s.io';

/** What users of a namespace work with, by API group. */
const WORKLOADS: Readonly<Record<string, readonly string[]>> = {
  '': [
    'configmaps',
    'endpoints',
    'persistentvolumeclaims',
    'pods',
    'replicationcontrollers',
    'serviceaccounts',
    'services',
  ],
  apps: [
    'daemonsets',
    'deployments',
    'deployments/scale',
    'replicasets',
    'replicasets/scale',
    'statefulsets',
    'statefulsets/scale',
  ],
  autoscaling: ['horizontalpodautoscalers'],
  batch: ['cronjobs', 'jobs'],
  'discovery.k8s.io': ['endpointslices'],
  'networking.k8s.io': ['ingresses', 'networkpolicies'],
  policy: ['poddisruptionbudgets'],
};
const LOOKED_AT = [
  'bindings',
  'events',
  'limitranges',
  'namespaces',
  'namespaces/status',
  'pods/log',
  'pods/status',
  'resourcequotas',
];

function onWorkloads(verbs: readonly string[]): readonly Rule[] {
  return Object.entries(WORKLOADS).map(([group, resources]) => ({ apiGroups: [group], resources, verbs }));
}

const view: readonly Rule[] = [...onWorkloads(READ), { apiGroups: [''], resources: LOOKED_AT, verbs: READ }];
const edit: readonly Rule[] = [
  ...onWorkloads(ALL),
  { apiGroups: [''], resources: LOOKED_AT, verbs: READ },
  { apiGroups: [''], resources: ['secrets'], verbs: ALL },
  { apiGroups: [''], resources: ['pods/exec', 'pods/portforward', 'pods/proxy', 'services/proxy'], verbs: ALL },
  { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] },
];
const admin: readonly Rule[] = [...edit, { apiGroups: [RBAC], resources: ['rolebindings', 'roles'], verbs: ALL }];
const clusterAdmin: readonly Rule[] = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];

/** The roles for people that every cluster has, without those that add-ons extend them by. */
export const defaultRoles: readonly ObjectInput[] = Object.entries({
  'cluster-admin': clusterAdmin,
  admin,
  edit,
  view,
}).map(([name, rules]) => ({ apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules }));
