import { createHash } from 'node:crypto';

import { at, objectAt, policyOf, textAt } from '../../bundle/shape.ts';
import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { isReady } from '../../diagnostics/read-pod.ts';
import type { KubernetesObject } from '../../manifests/object.ts';
import { operatorName, slotLabel } from '../../manifests/operator.ts';
import type { KubernetesPort, ObjectReference } from '../ports.ts';
import { callOptions } from './context.ts';
import type { OperationContext } from './context.ts';

/** The slot of the guide's own Deployment, which has no label for it. */
export const legacySlot = 'legacy';
const LEGACY_DEPLOYMENT = 'operator-deployment';
const LEGACY_NAME = 'operator';

/** Who owns which fields in server-side apply. */
export const managers = {
  /** Whole Deployments, as `apply` writes them. */
  operator: 'uid2-operator',
  /** Numbers of replicas. */
  scale: 'uid2-scale',
  /** Which slot the Service leads to. */
  slots: 'uid2-slots',
  restart: 'uid2-restart',
} as const;

/** What is remembered at the Service, in the cluster itself, so that whoever goes on knows where things stand. */
export const slotAnnotations = {
  /** Slot that the Service led to before. */
  previous: 'uid2/previous-slot',
  /** When the Service was pointed at the present slot. */
  flippedAt: 'uid2/flipped-at',
  /** `upgrade`, `rollback`, or `automatic-rollback`. */
  reason: 'uid2/flip-reason',
  /** How health is asked for: `http` from where the command runs, or `proxy` through the API server. */
  probe: 'uid2/probe',
} as const;

/** One version of the operator in the cluster. */
export interface Slot {
  readonly name: string;
  readonly deployment: KubernetesObject;
  readonly selector: Readonly<Record<string, string>>;
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  /** The controller has seen the newest write. */
  readonly observed: boolean;
  readonly policyDigest: string | undefined;
  readonly image: string | undefined;
}

export interface Slots {
  readonly all: readonly Slot[];
  readonly service: KubernetesObject | undefined;
  /** Where the Service leads to. */
  readonly active: Slot | undefined;
}

export function serviceReference(config: Uid2Vn2Config): ObjectReference {
  return { apiVersion: 'v1', kind: 'Service', name: 'operator-svc', namespace: config.operator.namespace };
}

/** Every version of the operator in the namespace, and which of them is in use. */
export async function readSlots(
  context: Pick<OperationContext, 'cluster' | 'signal'>,
  config: Uid2Vn2Config,
): Promise<Slots> {
  const { namespace } = config.operator;
  const options = callOptions(context);
  const deployments = await context.cluster.list('apps/v1', 'Deployment', { ...options, namespace });
  const service = await context.cluster.read(serviceReference(config), options);
  const all = deployments.flatMap((deployment) => slotOf(deployment) ?? []);
  const selected = objectAt(service, 'spec', 'selector');
  return { all, service, active: all.find((slot) => sameLabels(slot.selector, selected)) };
}

export function slotOf(deployment: KubernetesObject): Slot | undefined {
  const selector = objectAt(deployment, 'spec', 'selector', 'matchLabels') as Readonly<Record<string, string>>;
  const name = slotName(deployment, selector);
  if (name === undefined) return undefined;
  const number = (...path: readonly string[]): number => {
    const found = at(deployment, ...path);
    return typeof found === 'number' ? found : 0;
  };
  const spec = objectAt(deployment, 'spec');
  return {
    name,
    deployment,
    selector,
    replicas: typeof spec['replicas'] === 'number' ? spec['replicas'] : 1,
    readyReplicas: number('status', 'readyReplicas'),
    availableReplicas: number('status', 'availableReplicas'),
    observed: number('status', 'observedGeneration') >= number('metadata', 'generation'),
    policyDigest: policyDigestOf(deployment),
    image: operatorImage(deployment),
  };
}

function slotName(deployment: KubernetesObject, selector: Readonly<Record<string, string>>): string | undefined {
  const name = selector['app.kubernetes.io/name'];
  if (name === operatorName) return selector[slotLabel];
  return name === LEGACY_NAME && deployment.metadata.name === LEGACY_DEPLOYMENT ? legacySlot : undefined;
}

function operatorImage(deployment: KubernetesObject): string | undefined {
  const containers = at(deployment, 'spec', 'template', 'spec', 'containers');
  if (!Array.isArray(containers)) return undefined;
  return textAt(
    containers.find((container) => textAt(container, 'name') === 'uid2-operator'),
    'image',
  );
}

/** SHA-256 of the policy of a Deployment, the name its enclave is registered under. */
export function policyDigestOf(deployment: unknown): string | undefined {
  const policy = policyOf(deployment);
  if (policy === undefined) return undefined;
  return createHash('sha256').update(Buffer.from(policy, 'base64')).digest('hex');
}

export function sameLabels(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(a);
  return names.length > 0 && names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** The pods of a slot. */
export function podsOf(
  { cluster, signal }: { readonly cluster: KubernetesPort; readonly signal?: AbortSignal },
  slot: Pick<Slot, 'selector' | 'deployment'>,
): Promise<readonly KubernetesObject[]> {
  return cluster.list('v1', 'Pod', {
    ...(signal === undefined ? {} : { signal }),
    namespace: slot.deployment.metadata.namespace ?? 'default',
    labelSelector: selectorText(slot.selector),
  });
}

export function readyPods(pods: readonly KubernetesObject[]): readonly KubernetesObject[] {
  return pods.filter((pod) => isReady(pod) && !('deletionTimestamp' in pod.metadata));
}

/** Sets the number of replicas of a slot and nothing else of it. */
export function scaleSlot(
  context: OperationContext,
  slot: Pick<Slot, 'deployment'>,
  replicas: number,
): Promise<unknown> {
  const { name, namespace = 'default' } = slot.deployment.metadata;
  return context.cluster.apply(
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec: { replicas } },
    { ...callOptions(context), fieldManager: managers.scale, force: true },
  );
}

export type FlipReason = 'upgrade' | 'rollback' | 'automatic-rollback';

/**
 * Points the Service at another slot and notes down where it led to before, in one write: a selector is replaced as a whole,
 * so no request ever meets half of it. Only these fields are taken over from whoever owned them.
 */
export function flipService(
  context: OperationContext,
  config: Uid2Vn2Config,
  to: Pick<Slot, 'selector'>,
  note: { readonly previous: string; readonly reason: FlipReason; readonly probe: string },
): Promise<KubernetesObject> {
  const { name, namespace = 'default' } = serviceReference(config);
  return context.cluster.apply(
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name,
        namespace,
        annotations: {
          [slotAnnotations.previous]: note.previous,
          [slotAnnotations.flippedAt]: new Date(context.ports.clock()).toISOString(),
          [slotAnnotations.reason]: note.reason,
          [slotAnnotations.probe]: note.probe,
        },
      },
      spec: { selector: to.selector },
    },
    { ...callOptions(context), fieldManager: managers.slots, force: true },
  );
}
