import { errorMessage, RequestError, toBase64 } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';

import type { Events } from '../events.ts';
import { MANAGED_LABEL, ownerOf } from './objects.ts';
import type { LiveObject, OwnerReference, PodObject, SecretObject, SecretProviderClass } from './objects.ts';
import type { RecordPodEvent } from './pod-event.ts';
import { secretData, secretObjectProblem } from './secret-data.ts';

export type SyncCluster = Pick<KubernetesPort, 'read' | 'create' | 'replace'>;

export interface SyncRequest {
  readonly pod: PodObject;
  readonly secretProviderClass: SecretProviderClass;
  /** Of the pod and the class: owns the Secrets of a pod that nobody owns. */
  readonly status: LiveObject | undefined;
  /** The files of the volume by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface SecretSyncOptions {
  readonly cluster: SyncCluster;
  readonly events: Pick<Events, 'secretSynced' | 'secretSkipped'>;
  readonly recordEvent: RecordPodEvent;
  /** Overwrites a Secret that somebody else made, as the driver does. */
  readonly compatible: boolean;
  readonly clock: () => number;
}

const ATTEMPTS = 5;

/**
 * Writes the Secrets that a class mirrors from the files of a volume. An entry that cannot be written is skipped with an event on
 * the pod; the others go on.
 * @returns Whether all entries were written or need no writing.
 */
export async function syncSecrets(request: SyncRequest, options: SecretSyncOptions): Promise<boolean> {
  let complete = true;
  const { secretProviderClass: spc, pod } = request;
  for (const entry of spc.spec?.secretObjects ?? []) {
    const problem = secretObjectProblem(entry);
    if (problem !== undefined) {
      // Nobody but the log hears of it, as with the driver: the pod cannot do anything about its class.
      options.events.secretSkipped(pod, entry.secretName ?? '', problem);
      continue;
    }
    try {
      await syncOne(request, entry, options);
    } catch (error) {
      complete = false;
      const message = failureOf(request, entry, error);
      options.events.secretSkipped(pod, entry.secretName ?? '', message);
      const event = { type: 'Warning', reason: 'FailedToCreateSecret', message, now: options.clock() } as const;
      await options.recordEvent(pod, event).catch(() => undefined); // the failure is in the log already
    }
  }
  return complete;
}

function failureOf({ secretProviderClass: spc }: SyncRequest, entry: SecretObject, error: unknown): string {
  const name = (entry.secretName ?? '').trim();
  const reason = errorMessage(error);
  if (!(error instanceof RequestError) || error.code !== 'SECRET_OBJECT_INVALID') {
    return `failed to create Kubernetes secret ${name}, err: ${reason}`;
  }
  return `failed to get data in spc ${spc.metadata.namespace ?? ''}/${spc.metadata.name} for secret ${name}, err: ${reason}`;
}

async function syncOne(request: SyncRequest, entry: SecretObject, options: SecretSyncOptions): Promise<void> {
  const name = (entry.secretName ?? '').trim();
  const type = (entry.type ?? '').trim();
  const data = secretData(entry.data ?? [], request.files, type);
  const encoded = Object.fromEntries([...data].map(([key, bytes]) => [key, toBase64(bytes)]));
  const namespace = request.pod.metadata.namespace ?? 'default';
  const desired = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace,
      labels: { ...entry.labels, [MANAGED_LABEL]: 'true' },
      annotations: { ...entry.annotations },
      ownerReferences: ownersFor(request),
    },
    type,
    data: encoded,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      if (await writeSecret(desired, options)) options.events.secretSynced(request.pod, name);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || !isContended(error)) throw error;
    }
  }
}

type LiveSecret = LiveObject & { readonly data?: Readonly<Record<string, string>>; readonly type?: string };

type DesiredSecret = LiveObject & {
  readonly data: Readonly<Record<string, string>>;
  readonly type: string;
  readonly metadata: { readonly ownerReferences: readonly OwnerReference[] };
};

/** Creates or replaces; answers whether something was written. */
async function writeSecret(desired: DesiredSecret, { cluster, compatible }: SecretSyncOptions): Promise<boolean> {
  const { name, namespace = 'default' } = desired.metadata;
  const live: LiveSecret | undefined = await cluster.read({ apiVersion: 'v1', kind: 'Secret', name, namespace });
  if (live === undefined) {
    await cluster.create(desired);
    return true;
  }
  if (!compatible && live.metadata.labels?.[MANAGED_LABEL] !== 'true') {
    throw new RequestError(
      'SECRET_OBJECT_INVALID',
      `the secret ${name} was made by somebody else and is left alone (no label ${MANAGED_LABEL}=true)`,
      { action: 'Give the mirrored Secret another name, or delete the one that is there.' },
    );
  }
  const owners = mergedOwners(live.metadata.ownerReferences ?? [], desired.metadata.ownerReferences);
  const { resourceVersion } = live.metadata;
  const next = {
    ...desired,
    metadata: {
      ...desired.metadata,
      ownerReferences: owners,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
  if (sameSecret(live, next)) return false;
  await cluster.replace(next);
  return true;
}

/** The owners of the pod, for example its ReplicaSet; the status object when nobody owns the pod. */
function ownersFor({ pod, status }: SyncRequest): readonly OwnerReference[] {
  const owners = pod.metadata.ownerReferences ?? [];
  if (owners.length > 0) {
    return owners.map(({ apiVersion, kind, name, uid }) => ({ apiVersion, kind, name, uid }));
  }
  return status?.metadata.uid === undefined ? [] : [ownerOf(status)];
}

function mergedOwners(known: readonly OwnerReference[], added: readonly OwnerReference[]): readonly OwnerReference[] {
  return [...known, ...added.filter(({ uid }) => !known.some((one) => one.uid === uid))];
}

function sameSecret(live: LiveSecret, next: DesiredSecret): boolean {
  const view = (secret: typeof live) => [
    sorted(secret.data),
    secret.type ?? 'Opaque',
    sorted(secret.metadata.labels),
    sorted(secret.metadata.annotations),
    (secret.metadata.ownerReferences ?? []).map(({ uid }) => uid),
  ];
  return JSON.stringify(view(live)) === JSON.stringify(view(next));
}

function sorted(record: Readonly<Record<string, string>> = {}): readonly (readonly [string, string])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Somebody else wrote the Secret in between. */
function isContended(error: unknown): boolean {
  const reason = (error as { details?: { reason?: unknown } }).details?.reason;
  return reason === 'Conflict' || reason === 'AlreadyExists';
}
