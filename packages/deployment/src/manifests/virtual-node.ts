import type { KubernetesObject } from './object.ts';
import { initContainer, nodeContainers, nodeVolumes } from './virtual-node-pod.ts';
import { virtualNodeName } from './virtual-node-values.ts';
import type { VirtualNodeValues } from './virtual-node-values.ts';

const ADMISSION = 'virtual-node-admission-controller';
const SERVICE_ACCOUNT = 'virtual-node2-helm';
const ADMISSION_PORT = 19_865;

/**
 * The objects of a virtual node, as its chart has them. Differences: what the chart leaves null is left out, and the label
 * `app.kubernetes.io/managed-by` says holdfast. The Secret carries no data: the controller fills in its certificates, and
 * applying empty ones would destroy them. `caBundle` of the webhook is the controller's as well.
 */
export function virtualNodeObjects(values: VirtualNodeValues): readonly KubernetesObject[] {
  const { namespace } = values;
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: SERVICE_ACCOUNT, namespace, labels: labels(values) },
    },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: ADMISSION, namespace }, type: 'Opaque' },
    roleBinding(values),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: ADMISSION, namespace },
      spec: {
        ports: [{ protocol: 'TCP', port: 443, targetPort: ADMISSION_PORT }],
        selector: admissionLabels(values),
        type: 'ClusterIP',
      },
    },
    admissionController(values),
    statefulSet(values),
    ...(values.admissionControllerReplicaCount === 0 ? [] : [webhook(values)]),
  ];
}

function selectorLabels(values: VirtualNodeValues): Record<string, string> {
  return { 'app.kubernetes.io/name': 'virtualnode', 'app.kubernetes.io/instance': values.releaseName };
}

function admissionLabels(values: VirtualNodeValues): Record<string, string> {
  return { 'app.kubernetes.io/name': 'admissioncontroller', 'app.kubernetes.io/instance': values.releaseName };
}

function labels(values: VirtualNodeValues): Record<string, string> {
  return {
    'helm.sh/chart': `virtualnode-${values.chartVersion}`,
    ...selectorLabels(values),
    'app.kubernetes.io/version': values.chartVersion,
    'app.kubernetes.io/managed-by': 'holdfast',
  };
}

function roleBinding(values: VirtualNodeValues): KubernetesObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: `${virtualNodeName(values.releaseName)}-${SERVICE_ACCOUNT}`, labels: labels(values) },
    subjects: [{ kind: 'ServiceAccount', name: SERVICE_ACCOUNT, namespace: values.namespace }],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  };
}

/** Never on a virtual node itself, and only on nodes of AKS. */
function affinity(): Readonly<Record<string, unknown>> {
  return {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          {
            matchExpressions: [
              { key: 'type', operator: 'NotIn', values: ['virtual-kubelet'] },
              { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
              { key: 'kubernetes.azure.com/cluster', operator: 'Exists' },
            ],
          },
        ],
      },
    },
  };
}

function spread(matchLabels: Record<string, string>): readonly unknown[] {
  return [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels },
    },
  ];
}

const noProxy = { 'kubernetes.azure.com/no-http-proxy-vars': 'true' };

function admissionController(values: VirtualNodeValues): KubernetesObject {
  const { namespace } = values;
  const health = { httpGet: { path: '/healthz', port: ADMISSION_PORT, scheme: 'HTTPS' } };
  const matchLabels = admissionLabels(values);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: ADMISSION, namespace },
    spec: {
      replicas: values.admissionControllerReplicaCount,
      selector: { matchLabels },
      template: {
        metadata: { labels: matchLabels, annotations: noProxy },
        spec: {
          terminationGracePeriodSeconds: 0,
          serviceAccountName: SERVICE_ACCOUNT,
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          topologySpreadConstraints: spread(matchLabels),
          containers: [
            {
              name: 'admissioncontroller',
              image: values.images.admissionController,
              env: [
                { name: 'SECRET_NAME', value: ADMISSION },
                { name: 'SECRET_NAMESPACE', value: namespace },
                { name: 'ADMISSION_CONTROLLER_NAME', value: ADMISSION },
                { name: 'SERVICE_DNS_NAME', value: `${ADMISSION}.${namespace}.svc` },
                { name: 'INFRA_POD_MIN_RESTART_DELAY_SECONDS', value: String(values.infraPodMinRestartDelaySeconds) },
              ],
              resources: { requests: { cpu: '100m', memory: '512Mi' }, limits: { cpu: '500m', memory: '1G' } },
              startupProbe: { ...health, failureThreshold: 36, periodSeconds: 5, timeoutSeconds: 5 },
              livenessProbe: { ...health, initialDelaySeconds: 0, periodSeconds: 30, timeoutSeconds: 5 },
              readinessProbe: { ...health, initialDelaySeconds: 0, periodSeconds: 30, timeoutSeconds: 5 },
              terminationMessagePath: '/dev/termination-log',
              terminationMessagePolicy: 'File',
              imagePullPolicy: 'Always',
            },
          ],
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          affinity: affinity(),
        },
      },
    },
  };
}

function statefulSet(values: VirtualNodeValues): KubernetesObject {
  const matchLabels = selectorLabels(values);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: virtualNodeName(values.releaseName), namespace: values.namespace, labels: labels(values) },
    spec: {
      replicas: values.replicaCount,
      selector: { matchLabels },
      template: {
        metadata: { annotations: noProxy, labels: { ...matchLabels, virtualnodeInfraHealthCheckEligible: 'true' } },
        spec: {
          terminationGracePeriodSeconds: 0,
          serviceAccountName: SERVICE_ACCOUNT,
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          topologySpreadConstraints: spread(matchLabels),
          initContainers: [initContainer(values)],
          containers: nodeContainers(values),
          volumes: nodeVolumes(),
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          affinity: affinity(),
        },
      },
      podManagementPolicy: 'Parallel',
    },
  };
}

function webhook(values: VirtualNodeValues): KubernetesObject {
  const hook = (
    kind: 'node' | 'pod',
    reinvocationPolicy: string,
    operations: string[],
    resources: string[],
  ): unknown => ({
    admissionReviewVersions: ['v1beta1'],
    clientConfig: { service: { name: ADMISSION, namespace: values.namespace, path: `/${kind}` } },
    failurePolicy: 'Ignore',
    matchPolicy: 'Equivalent',
    name: `${ADMISSION}-${kind}-mutating-webhook.azmk8s.io`,
    namespaceSelector: {},
    objectSelector: {},
    reinvocationPolicy,
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations, resources, scope: '*' }],
    sideEffects: 'NoneOnDryRun',
    timeoutSeconds: 5,
  });
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: ADMISSION },
    webhooks: [
      hook('node', 'Never', ['*'], ['nodes', 'nodes/status']),
      hook('pod', 'IfNeeded', ['CREATE', 'UPDATE'], ['pods']),
    ],
  };
}
