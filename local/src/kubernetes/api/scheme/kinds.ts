import { defaultsOf } from './defaults.ts';
import { columnsOf } from './columns.ts';
import { builtInSchema } from './schema.ts';
import type { KindInfo } from './scheme.ts';
import { validatorOf } from './validation.ts';

interface Row {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly clusterWide?: true;
  readonly subresources?: readonly string[];
  readonly transient?: true;
  readonly type?: string;
  readonly all?: true;
}

const STATUS = ['status'];
const WORKLOAD = ['status', 'scale'];

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  v1: [
    { kind: 'ConfigMap', plural: 'configmaps', shortNames: ['cm'] },
    { kind: 'Endpoints', plural: 'endpoints', shortNames: ['ep'] },
    { kind: 'Event', plural: 'events', shortNames: ['ev'] },
    {
      kind: 'Namespace',
      plural: 'namespaces',
      shortNames: ['ns'],
      clusterWide: true,
      subresources: ['finalize', 'status'],
    },
    { kind: 'Node', plural: 'nodes', shortNames: ['no'], clusterWide: true, subresources: ['proxy', 'status'] },
    { kind: 'PersistentVolumeClaim', plural: 'persistentvolumeclaims', shortNames: ['pvc'], subresources: STATUS },
    {
      kind: 'PersistentVolume',
      plural: 'persistentvolumes',
      shortNames: ['pv'],
      clusterWide: true,
      subresources: STATUS,
    },
    {
      kind: 'Pod',
      plural: 'pods',
      shortNames: ['po'],
      all: true,
      subresources: ['binding', 'eviction', 'log', 'proxy', 'status'],
    },
    { kind: 'Secret', plural: 'secrets' },
    { kind: 'Service', plural: 'services', shortNames: ['svc'], all: true, subresources: ['proxy', 'status'] },
    { kind: 'ServiceAccount', plural: 'serviceaccounts', shortNames: ['sa'], subresources: ['token'] },
  ],
  'apps/v1': [
    { kind: 'DaemonSet', plural: 'daemonsets', shortNames: ['ds'], all: true, subresources: STATUS },
    { kind: 'Deployment', plural: 'deployments', shortNames: ['deploy'], all: true, subresources: WORKLOAD },
    { kind: 'ReplicaSet', plural: 'replicasets', shortNames: ['rs'], all: true, subresources: WORKLOAD },
    { kind: 'StatefulSet', plural: 'statefulsets', shortNames: ['sts'], all: true, subresources: WORKLOAD },
  ],
  'batch/v1': [
    { kind: 'CronJob', plural: 'cronjobs', shortNames: ['cj'], all: true, subresources: STATUS },
    { kind: 'Job', plural: 'jobs', all: true, subresources: STATUS },
  ],
  'autoscaling/v2': [
    {
      kind: 'HorizontalPodAutoscaler',
      plural: 'horizontalpodautoscalers',
      shortNames: ['hpa'],
      all: true,
      subresources: STATUS,
    },
  ],
  'policy/v1': [
    { kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', shortNames: ['pdb'], subresources: STATUS },
  ],
  'coordination.k8s.io/v1': [{ kind: 'Lease', plural: 'leases' }],
  'discovery.k8s.io/v1': [{ kind: 'EndpointSlice', plural: 'endpointslices' }],
  'networking.k8s.io/v1': [
    { kind: 'Ingress', plural: 'ingresses', shortNames: ['ing'], subresources: STATUS },
    { kind: 'NetworkPolicy', plural: 'networkpolicies', shortNames: ['netpol'] },
  ],
  'rbac.authorization.k8s.io/v1': [
    { kind: 'ClusterRole', plural: 'clusterroles', clusterWide: true },
    { kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', clusterWide: true },
    { kind: 'Role', plural: 'roles' },
    { kind: 'RoleBinding', plural: 'rolebindings' },
  ],
  'admissionregistration.k8s.io/v1': [
    { kind: 'MutatingWebhookConfiguration', plural: 'mutatingwebhookconfigurations', clusterWide: true },
    { kind: 'ValidatingWebhookConfiguration', plural: 'validatingwebhookconfigurations', clusterWide: true },
  ],
  'apiextensions.k8s.io/v1': [
    {
      kind: 'CustomResourceDefinition',
      plural: 'customresourcedefinitions',
      shortNames: ['crd', 'crds'],
      clusterWide: true,
      subresources: STATUS,
    },
  ],
  'apiregistration.k8s.io/v1': [{ kind: 'APIService', plural: 'apiservices', clusterWide: true, subresources: STATUS }],
  'node.k8s.io/v1': [{ kind: 'RuntimeClass', plural: 'runtimeclasses', clusterWide: true }],
  'scheduling.k8s.io/v1': [{ kind: 'PriorityClass', plural: 'priorityclasses', shortNames: ['pc'], clusterWide: true }],
  'storage.k8s.io/v1': [
    { kind: 'CSIDriver', plural: 'csidrivers', clusterWide: true },
    { kind: 'CSINode', plural: 'csinodes', clusterWide: true },
    { kind: 'StorageClass', plural: 'storageclasses', shortNames: ['sc'], clusterWide: true },
  ],
  'authentication.k8s.io/v1': [
    { kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', clusterWide: true, transient: true },
    { kind: 'TokenReview', plural: 'tokenreviews', clusterWide: true, transient: true },
  ],
  'authorization.k8s.io/v1': [
    { kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', clusterWide: true, transient: true },
    { kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', clusterWide: true, transient: true },
  ],
};

/** Kinds whose objects count their generations although they have neither status nor scale. */
const COUNTED = new Set([
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'EndpointSlice',
  'NetworkPolicy',
  'PriorityClass',
]);
/** Kinds with a status that have no generation. */
const NOT_COUNTED = new Set(['Service', 'Node', 'Namespace', 'PersistentVolumeClaim', 'PersistentVolume']);

let kinds: readonly KindInfo[] | undefined;

/** The kinds every cluster has. */
export function builtInKinds(): readonly KindInfo[] {
  kinds ??= Object.entries(ROWS).flatMap(([apiVersion, rows]) => rows.map((row) => kindOf(apiVersion, row)));
  return kinds;
}

function kindOf(apiVersion: string, row: Row): KindInfo {
  const slash = apiVersion.indexOf('/');
  const version = apiVersion.slice(slash + 1);
  const subresources = row.subresources ?? [];
  return {
    group: slash < 0 ? '' : apiVersion.slice(0, slash),
    version,
    apiVersion,
    storageVersion: version,
    kind: row.kind,
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    shortNames: row.shortNames ?? [],
    categories: row.all === true ? ['all'] : [],
    namespaced: row.clusterWide !== true,
    subresources,
    transient: row.transient === true,
    generation: COUNTED.has(row.kind) || (subresources.includes('status') && !NOT_COUNTED.has(row.kind)),
    schema: builtInSchema(row.type ?? row.kind),
    columns: columnsOf(row.kind),
    defaults: defaultsOf(row.kind),
    validate: validatorOf(row.kind),
  };
}
