import { toBase64 } from '@holdfast/base';

import { isMap, listAt } from '../objects.ts';

type Draft = Record<string, unknown>;
type Defaults = (object: Draft) => void;

/** Gives a member a value when it has none; answers the member. */
function fill(target: unknown, name: string, value: unknown): void {
  if (isMap(target) && (target[name] === undefined || target[name] === null)) target[name] = value;
}

function child(target: unknown, name: string): Draft {
  if (!isMap(target)) return {};
  if (!isMap(target[name])) target[name] = {};
  return target[name] as Draft;
}

function containerDefaults(container: unknown): void {
  if (!isMap(container)) return;
  const image = typeof container['image'] === 'string' ? container['image'] : '';
  const latest = !image.includes('@') && (!/:[^/]*$/.test(image) || image.endsWith(':latest'));
  fill(container, 'imagePullPolicy', latest ? 'Always' : 'IfNotPresent');
  fill(container, 'resources', {});
  fill(container, 'terminationMessagePath', '/dev/termination-log');
  fill(container, 'terminationMessagePolicy', 'File');
  for (const port of listAt(container, 'ports')) fill(port, 'protocol', 'TCP');
  for (const entry of listAt(container, 'env')) {
    if (isMap(entry) && isMap(entry['valueFrom'])) fill(entry['valueFrom']['fieldRef'], 'apiVersion', 'v1');
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) probeDefaults(container[name]);
}

function probeDefaults(probe: unknown): void {
  if (!isMap(probe)) return;
  fill(probe, 'timeoutSeconds', 1);
  fill(probe, 'periodSeconds', 10);
  fill(probe, 'successThreshold', 1);
  fill(probe, 'failureThreshold', 3);
  fill(probe['httpGet'], 'scheme', 'HTTP');
  fill(probe['httpGet'], 'path', '/');
}

/** Quantities are text; what a pod is limited to is requested. */
function resourceDefaults(resources: unknown): void {
  if (!isMap(resources)) return;
  for (const name of ['limits', 'requests']) {
    const quantities = resources[name];
    if (!isMap(quantities)) continue;
    for (const [key, value] of Object.entries(quantities)) {
      if (typeof value === 'number') quantities[key] = String(value);
      else if (typeof value === 'string' && /^0(?:[EPTGMk]i?|m)?$/.test(value)) quantities[key] = '0';
    }
  }
  if (!isMap(resources['limits'])) return;
  const requests = child(resources, 'requests');
  for (const [key, value] of Object.entries(resources['limits'])) fill(requests, key, value);
}

function volumeDefaults(volume: unknown): void {
  if (!isMap(volume)) return;
  if (Object.keys(volume).every((name) => name === 'name')) volume['emptyDir'] = {};
  fill(volume['secret'], 'defaultMode', 420);
  fill(volume['configMap'], 'defaultMode', 420);
  fill(volume['hostPath'], 'type', '');
  fill(volume['downwardAPI'], 'defaultMode', 420);
  for (const item of listAt(volume, 'downwardAPI', 'items'))
    if (isMap(item)) fill(item['fieldRef'], 'apiVersion', 'v1');
  const projected = volume['projected'];
  if (!isMap(projected)) return;
  fill(projected, 'defaultMode', 420);
  for (const source of listAt(projected, 'sources')) {
    if (isMap(source)) fill(source['serviceAccountToken'], 'expirationSeconds', 3600);
  }
}

function podSpecDefaults(spec: unknown): void {
  if (!isMap(spec)) return;
  fill(spec, 'restartPolicy', 'Always');
  fill(spec, 'terminationGracePeriodSeconds', 30);
  fill(spec, 'dnsPolicy', 'ClusterFirst');
  fill(spec, 'securityContext', {});
  fill(spec, 'schedulerName', 'default-scheduler');
  for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
    listAt(spec, list).forEach((container) => containerDefaults(container));
  }
  listAt(spec, 'volumes').forEach((volume) => volumeDefaults(volume));
  const account = spec['serviceAccountName'] ?? spec['serviceAccount'];
  if (typeof account === 'string') {
    fill(spec, 'serviceAccountName', account);
    spec['serviceAccount'] = spec['serviceAccountName'];
  }
}

function templateDefaults(template: unknown): void {
  if (!isMap(template)) return;
  child(template, 'metadata');
  podSpecDefaults(template['spec']);
}

function serviceDefaults(service: Draft): void {
  const spec = child(service, 'spec');
  fill(spec, 'type', 'ClusterIP');
  fill(spec, 'sessionAffinity', 'None');
  fill(spec, 'internalTrafficPolicy', 'Cluster');
  if (spec['sessionAffinity'] === 'ClientIP')
    fill(child(child(spec, 'sessionAffinityConfig'), 'clientIP'), 'timeoutSeconds', 10_800);
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
  const isExternal = listAt(spec, 'externalIPs').length > 0 && spec['type'] === 'ClusterIP';
  if (isExternal || spec['type'] === 'LoadBalancer' || spec['type'] === 'NodePort')
    fill(spec, 'externalTrafficPolicy', 'Cluster');
  else delete spec['externalTrafficPolicy'];
  if (spec['type'] === 'LoadBalancer') fill(spec, 'allocateLoadBalancerNodePorts', true);
  for (const port of listAt(spec, 'ports')) {
    fill(port, 'protocol', 'TCP');
    if (isMap(port)) fill(port, 'targetPort', port['port']);
  }
  fill(service, 'status', { loadBalancer: {} });
}

function deploymentDefaults(deployment: Draft): void {
  const spec = child(deployment, 'spec');
  fill(spec, 'replicas', 1);
  fill(spec, 'revisionHistoryLimit', 10);
  fill(spec, 'progressDeadlineSeconds', 600);
  const strategy = child(spec, 'strategy');
  fill(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] === 'RollingUpdate') {
    const rolling = child(strategy, 'rollingUpdate');
    fill(rolling, 'maxSurge', '25%');
    fill(rolling, 'maxUnavailable', '25%');
  }
  templateDefaults(spec['template']);
  fill(deployment, 'status', {});
}

function statefulSetDefaults(set: Draft): void {
  const spec = child(set, 'spec');
  fill(spec, 'replicas', 1);
  fill(spec, 'revisionHistoryLimit', 10);
  fill(spec, 'podManagementPolicy', 'OrderedReady');
  fill(spec, 'serviceName', '');
  fill(spec, 'persistentVolumeClaimRetentionPolicy', { whenDeleted: 'Retain', whenScaled: 'Retain' });
  const strategy = child(spec, 'updateStrategy');
  fill(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] === 'RollingUpdate') fill(child(strategy, 'rollingUpdate'), 'partition', 0);
  templateDefaults(spec['template']);
}

function webhookDefaults(configuration: Draft): void {
  for (const webhook of listAt(configuration, 'webhooks')) {
    if (!isMap(webhook)) continue;
    fill(webhook, 'failurePolicy', 'Fail');
    fill(webhook, 'matchPolicy', 'Equivalent');
    fill(webhook, 'timeoutSeconds', 10);
    fill(webhook, 'namespaceSelector', {});
    fill(webhook, 'objectSelector', {});
    if (configuration['kind'] === 'MutatingWebhookConfiguration') fill(webhook, 'reinvocationPolicy', 'Never');
    if (isMap(webhook['clientConfig'])) fill(webhook['clientConfig']['service'], 'port', 443);
    for (const rule of listAt(webhook, 'rules')) fill(rule, 'scope', '*');
  }
}

function definitionDefaults(definition: Draft): void {
  const spec = child(definition, 'spec');
  fill(spec, 'conversion', { strategy: 'None' });
  const names = child(spec, 'names');
  const kind = typeof names['kind'] === 'string' ? names['kind'] : '';
  fill(names, 'singular', kind.toLowerCase());
  fill(names, 'listKind', `${kind}List`);
}

function roleDefaults(binding: Draft): void {
  fill(binding['roleRef'], 'apiGroup', 'rbac.authorization.k8s.io');
  for (const subject of listAt(binding, 'subjects')) {
    if (isMap(subject) && subject['kind'] !== 'ServiceAccount') fill(subject, 'apiGroup', 'rbac.authorization.k8s.io');
  }
}

const DEFAULTS: Readonly<Record<string, Defaults>> = {
  Namespace: (namespace) => {
    fill(child(namespace, 'spec'), 'finalizers', ['kubernetes']);
    fill(child(namespace, 'status'), 'phase', 'Active');
    const meta = child(namespace, 'metadata');
    if (typeof meta['name'] === 'string') child(meta, 'labels')['kubernetes.io/metadata.name'] = meta['name'];
  },
  Pod: (pod) => {
    podSpecDefaults(pod['spec']);
    for (const list of ['containers', 'initContainers'])
      for (const container of listAt(pod['spec'], list)) if (isMap(container)) resourceDefaults(container['resources']);
    fill(pod['spec'], 'enableServiceLinks', true);
    fill(pod, 'status', { phase: 'Pending', qosClass: qosClass(pod) });
  },
  Service: serviceDefaults,
  Secret: (secret) => {
    fill(secret, 'type', 'Opaque');
    const plain = secret['stringData'];
    if (!isMap(plain)) return;
    const data = child(secret, 'data');
    for (const [name, value] of Object.entries(plain)) data[name] = toBase64(Buffer.from(String(value), 'utf8'));
    delete secret['stringData'];
  },
  Deployment: deploymentDefaults,
  ReplicaSet: (set) => {
    fill(child(set, 'spec'), 'replicas', 1);
    templateDefaults(child(set, 'spec')['template']);
  },
  StatefulSet: statefulSetDefaults,
  DaemonSet: (set) => {
    const spec = child(set, 'spec');
    fill(spec, 'revisionHistoryLimit', 10);
    const strategy = child(spec, 'updateStrategy');
    fill(strategy, 'type', 'RollingUpdate');
    if (strategy['type'] === 'RollingUpdate') {
      fill(child(strategy, 'rollingUpdate'), 'maxSurge', 0);
      fill(child(strategy, 'rollingUpdate'), 'maxUnavailable', 1);
    }
    templateDefaults(spec['template']);
  },
  Job: (job) => {
    const spec = child(job, 'spec');
    fill(spec, 'parallelism', 1);
    fill(spec, 'completions', 1);
    fill(spec, 'backoffLimit', 6);
    templateDefaults(spec['template']);
  },
  PersistentVolumeClaim: (claim) => {
    fill(child(claim, 'spec'), 'volumeMode', 'Filesystem');
    fill(claim, 'status', { phase: 'Pending' });
  },
  MutatingWebhookConfiguration: webhookDefaults,
  ValidatingWebhookConfiguration: webhookDefaults,
  CustomResourceDefinition: definitionDefaults,
  RoleBinding: roleDefaults,
  ClusterRoleBinding: roleDefaults,
  StorageClass: (storageClass) => {
    fill(storageClass, 'reclaimPolicy', 'Delete');
    fill(storageClass, 'volumeBindingMode', 'Immediate');
  },
};

export function defaultsOf(kind: string): Defaults | undefined {
  return DEFAULTS[kind];
}

function qosClass(pod: Draft): string {
  const containers = listAt(pod['spec'], 'containers');
  const amounts = containers.map((one) => {
    const resources = isMap(one) && isMap(one['resources']) ? one['resources'] : {};
    return {
      limits: isMap(resources['limits']) ? resources['limits'] : {},
      requests: isMap(resources['requests']) ? resources['requests'] : {},
    };
  });
  if (amounts.every(({ limits, requests }) => Object.keys({ ...limits, ...requests }).length === 0))
    return 'BestEffort';
  const guaranteed = amounts.every(({ limits, requests }) =>
    ['cpu', 'memory'].every((name) => limits[name] !== undefined && limits[name] === requests[name]),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
