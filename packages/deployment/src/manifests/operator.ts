import { InternalError, PolicyError } from '@holdfast/base';

import { filledValues, userPlaceholders } from '../bundle/inspect-bundle.ts';
import type { Bundle } from '../bundle/read-bundle.ts';
import {
  annotationPrefix,
  identityAnnotation,
  listAt,
  objectAt,
  operatorContainer,
  policyAnnotation,
} from '../bundle/shape.ts';
import type { Json } from '../bundle/shape.ts';
import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import type { KubernetesObject } from './object.ts';
import { sortedJson } from './object.ts';

const ENDORSEMENTS = '/opt/confidential-containers/share/kata-containers/reference-info-base64';

/** The name that pods of all versions have in common; another one than the guide's, whose Service must not find them. */
export const operatorName = 'uid2-operator';
/** Where the operator listens in its pod. */
export const operatorPort = 8080;
const NAME = { 'app.kubernetes.io/name': operatorName } as const;
/** The label that tells the versions apart. */
export const slotLabel = 'uid2/slot';

/** The operator as a release has it, before image and policy are filled in. */
export function operatorSkeleton(): Bundle {
  return {
    deployment: skeletonDeployment(),
    service: skeletonService(),
    others: [],
    deployments: 1,
    services: 1,
    publishedDigest: undefined,
  };
}

function skeletonDeployment(): Json {
  const labels = { 'app.kubernetes.io/name': 'operator' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'operator-deployment' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: {
          labels,
          annotations: {
            [policyAnnotation]: 'CCE_POLICY_PLACEHOLDER',
            [identityAnnotation]: userPlaceholders.identity,
            [`${annotationPrefix}injectdns`]: 'false',
          },
        },
        spec: {
          containers: [sidecar(), operator()],
          volumes: [{ name: 'endorsement-location', hostPath: { path: ENDORSEMENTS } }],
          nodeSelector: { virtualization: 'virtualnode2' },
          tolerations: [{ effect: 'NoSchedule', key: 'virtual-kubelet.io/provider', operator: 'Exists' }],
        },
      },
    },
  };
}

function sidecar(): Json {
  return {
    name: 'skr',
    image: 'mcr.microsoft.com/aci/skr:2.14',
    imagePullPolicy: 'Always',
    resources: { limits: { cpu: '2250m', memory: '2256Mi' }, requests: { cpu: '100m', memory: '512Mi' } },
    env: [{ name: 'Port', value: '9000' }],
    volumeMounts: [{ mountPath: ENDORSEMENTS, name: 'endorsement-location' }],
    command: ['/skr.sh'],
  };
}

function operator(): Json {
  const size = { cpu: '6', memory: '24Gi' };
  return {
    name: operatorContainer,
    image: 'IMAGE_PLACEHOLDER',
    imagePullPolicy: 'Always',
    resources: { limits: size, requests: size },
    securityContext: { runAsUser: 1000 },
    env: ['VAULT_NAME', 'OPERATOR_KEY_SECRET_NAME', 'DEPLOYMENT_ENVIRONMENT'].map((name) => ({
      name,
      value: `${name}_PLACEHOLDER`,
    })),
    ports: [
      { containerPort: operatorPort, protocol: 'TCP' },
      { name: 'prometheus', containerPort: 9080, protocol: 'TCP' },
    ],
    readinessProbe: {
      failureThreshold: 3,
      httpGet: { path: '/ops/healthcheck', port: operatorPort, scheme: 'HTTP' },
      initialDelaySeconds: 30,
      periodSeconds: 10,
      successThreshold: 1,
      timeoutSeconds: 1,
    },
  };
}

function skeletonService(): Json {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'operator-svc' },
    spec: {
      type: 'LoadBalancer',
      selector: { 'app.kubernetes.io/name': 'operator' },
      ports: [{ protocol: 'TCP', port: 80, targetPort: operatorPort }],
    },
  };
}

/** What a version is called in names: lower-case letters, digits and hyphens, short enough for what Kubernetes appends. */
export function versionSlug(version: string): string {
  const longest = 63 - 'operator-'.length - 17;
  const slug = version
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, longest)
    .replaceAll(/^-+|-+$/g, '');
  return slug === '' ? 'unknown' : slug;
}

/** The version of a release: as configured, or the tag of its image. */
export function bundleVersion(bundle: Bundle, config: Uid2Vn2Config): string {
  if (config.operator.bundle?.version !== undefined) return config.operator.bundle.version;
  const own = listAt(bundle.deployment, 'spec', 'template', 'spec', 'containers').find(
    (container) => container['name'] === operatorContainer,
  );
  const image = typeof own?.['image'] === 'string' ? own['image'] : '';
  return /:([^:/@]+)(@.*)?$/.exec(image)?.[1] ?? 'unreleased';
}

/**
 * The objects of the operator: those of the release with identity, vault, secret and environment filled in by their place,
 * under the names of a slot, so that another version can run beside it. Nothing that the policy measures changes.
 * @throws PolicyError BUNDLE_REFUSED when the release is not of the known shape
 */
export function operatorObjects(
  bundle: Bundle,
  config: Uid2Vn2Config,
  identityId: string,
): readonly KubernetesObject[] {
  const { deployment, service } = bundle;
  if (deployment === undefined || service === undefined) {
    throw new PolicyError('BUNDLE_REFUSED', 'the bundle has no Deployment or no Service', {
      action: 'Use the bundle as UID2 sent it.',
    });
  }
  const slug = versionSlug(bundleVersion(bundle, config));
  const labels = { ...NAME, [slotLabel]: slug };
  const made = slotDeployment(deployment, config, identityId, slug, labels);
  assertMeasuredFieldsKept(deployment, made);
  return [...namespaceObjects(config), made, slotService(service, config, labels)];
}

function namespaceObjects(config: Uid2Vn2Config): readonly KubernetesObject[] {
  const name = config.operator.namespace;
  return name === 'default' ? [] : [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }];
}

function slotDeployment(
  original: Json,
  config: Uid2Vn2Config,
  identityId: string,
  slug: string,
  labels: Readonly<Record<string, string>>,
): KubernetesObject {
  const spec = objectAt(original, 'spec');
  const template = objectAt(spec, 'template');
  const podSpec = objectAt(template, 'spec');
  const metadata = objectAt(template, 'metadata');
  const annotations = objectAt(metadata, 'annotations') as Record<string, string>;
  return {
    ...original,
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      ...objectAt(original, 'metadata'),
      name: `operator-${slug}`,
      namespace: config.operator.namespace,
      labels,
    },
    spec: {
      ...spec,
      replicas: config.operator.replicas,
      minReadySeconds: config.operator.minReadySeconds,
      selector: { matchLabels: labels },
      template: {
        ...template,
        metadata: { ...metadata, labels, annotations: { ...annotations, [identityAnnotation]: identityId } },
        spec: { ...podSpec, containers: listAt(podSpec, 'containers').map((container) => filled(container, config)) },
      },
    },
  };
}

/** Values by path: the named variables of the named container, and nothing else. */
function filled(container: Json, config: Uid2Vn2Config): Json {
  if (container['name'] !== operatorContainer) return container;
  const values = filledValues(config);
  const env = listAt(container, 'env').map((variable) => {
    const name = String(variable['name']);
    return Object.hasOwn(values, name) ? { ...variable, value: values[name] } : variable;
  });
  return { ...container, env };
}

/** Gives a Service an address inside the network instead of a public one. */
export const internalLoadBalancer = { 'service.beta.kubernetes.io/azure-load-balancer-internal': 'true' } as const;

function slotService(
  original: Json,
  config: Uid2Vn2Config,
  labels: Readonly<Record<string, string>>,
): KubernetesObject {
  const { exposure, namespace } = config.operator;
  const metadata = objectAt(original, 'metadata');
  const name = typeof metadata['name'] === 'string' ? metadata['name'] : 'operator-svc';
  return {
    ...original,
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...metadata,
      name,
      namespace,
      ...(exposure.kind === 'internal' ? { annotations: internalLoadBalancer } : {}),
    },
    spec: {
      ...objectAt(original, 'spec'),
      selector: labels,
      ...(exposure.allowedSources.length === 0 ? {} : { loadBalancerSourceRanges: exposure.allowedSources }),
    },
  };
}

/**
 * What the policy measures of a Deployment: everything of its pod but names, labels, the identity and the values that the
 * policy leaves open.
 */
export function measuredFields(deployment: unknown): unknown {
  const template = objectAt(deployment, 'spec', 'template');
  const podSpec = objectAt(template, 'spec');
  const annotations = { ...objectAt(template, 'metadata', 'annotations') };
  delete annotations[identityAnnotation];
  const open = new Set(['VAULT_NAME', 'OPERATOR_KEY_SECRET_NAME', 'DEPLOYMENT_ENVIRONMENT']);
  const containers = listAt(podSpec, 'containers').map((container) => ({
    ...container,
    env: listAt(container, 'env').map((variable) =>
      open.has(String(variable['name'])) ? { name: variable['name'] } : variable,
    ),
  }));
  return sortedJson({ annotations, pod: { ...podSpec, containers } });
}

function assertMeasuredFieldsKept(before: unknown, after: unknown): void {
  if (JSON.stringify(measuredFields(before)) === JSON.stringify(measuredFields(after))) return;
  throw new InternalError(
    'OPERATOR_MANIFEST_CHANGED',
    'the generated manifest differs from the release in a field that its policy measures',
  );
}
