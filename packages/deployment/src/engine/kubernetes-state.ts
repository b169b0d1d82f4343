import { placeholdersIn } from '../bundle/inspect-bundle.ts';
import type { JsonValue } from '../arm/template.ts';
import type { KubernetesObject, ManifestSet } from '../manifests/object.ts';
import { sortedJson } from '../manifests/object.ts';
import { withoutScaledReplicas } from './autoscaled.ts';
import { kubernetesReason } from './errors.ts';
import { numberAt, objectsAt, textAt } from './json.ts';
import type { KubernetesPort, ObjectReference } from './ports.ts';

export interface ObjectState {
  /** As it is applied: without a number of replicas that an autoscaler sets. */
  readonly object: KubernetesObject;
  readonly live: KubernetesObject | undefined;
  readonly change: 'none' | 'create' | 'update';
  /** Paths that differ, with what is there and what would be. */
  readonly fields: readonly { readonly path: string; readonly before: unknown; readonly after: unknown }[];
  /** Nobody could be asked: an earlier object of the same deployment makes its namespace or its kind. */
  readonly computed: boolean;
  /** Managers that own fields which would change. */
  readonly conflict?: readonly string[];
}

export interface SetState {
  readonly set: ManifestSet;
  readonly objects: readonly ObjectState[];
  /** Why the set cannot be applied by this tool, and what is to be done. */
  readonly open?: string;
}

export function referenceTo({ apiVersion, kind, metadata }: KubernetesObject): ObjectReference {
  const { name, namespace } = metadata;
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** `vn2/StatefulSet/virtualnode` */
export function objectName({ kind, metadata }: KubernetesObject): string {
  return [metadata.namespace, kind, metadata.name].filter((part) => part !== undefined).join('/');
}

/** Objects whose place is a kind that only an add-on brings. */
export function isCustomKind({ apiVersion }: KubernetesObject): boolean {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return group.includes('.') && !group.endsWith('.k8s.io');
}

/** Compares a set with the cluster by asking the server what an apply would give. Changes nothing. */
export async function setState(
  cluster: KubernetesPort | undefined,
  set: ManifestSet,
  signal: AbortSignal,
): Promise<SetState> {
  const left = placeholdersIn(set.objects);
  const computed = (object: KubernetesObject): ObjectState => ({
    object,
    live: undefined,
    change: 'create',
    fields: [],
    computed: true,
  });
  if (left.length > 0) {
    return {
      set,
      objects: set.objects.map(computed),
      open: `${set.title} still holds ${left.join(', ')}: ${set.notes.at(-1) ?? 'complete the configuration'}`,
    };
  }
  if (cluster === undefined) return { set, objects: set.objects.map(computed) };
  const objects: ObjectState[] = [];
  for (const object of set.objects) {
    const state = await objectState(cluster, set, object, signal);
    if (state === 'unknown-kind') {
      const open = `the cluster does not know ${object.kind} of ${object.apiVersion}: ${set.notes.at(-1) ?? 'install what brings it'}`;
      return { set, objects: set.objects.map(computed), open };
    }
    objects.push(state);
  }
  return { set, objects };
}

async function objectState(
  cluster: KubernetesPort,
  set: ManifestSet,
  object: KubernetesObject,
  signal: AbortSignal,
): Promise<ObjectState | 'unknown-kind'> {
  let base = { object, fields: [], computed: false } as const;
  let live: KubernetesObject | undefined;
  try {
    live = await cluster.read(referenceTo(object), { signal });
    if (live !== undefined && isCreateOnly(set, object)) return { ...base, live, change: 'none' };
    const { fieldManager } = set;
    base = { ...base, object: await withoutScaledReplicas(cluster, object, live, fieldManager, signal) };
    const result = await cluster.apply(base.object, { fieldManager, dryRun: true, signal });
    if (live === undefined) return { ...base, live, change: 'create' };
    const fields = differences(comparable(live), comparable(result));
    return { ...base, live, fields, change: fields.length === 0 ? 'none' : 'update' };
  } catch (error) {
    const reason = kubernetesReason(error);
    if (reason?.status === 404) {
      return isCustomKind(object) && (await namespaceExists(cluster, object, signal))
        ? 'unknown-kind'
        : { ...base, live: undefined, change: 'create', computed: true };
    }
    if (reason?.reason === 'Conflict') return { ...base, live, change: 'update', conflict: managersOf(error) };
    throw error;
  }
}

async function namespaceExists(
  cluster: KubernetesPort,
  object: KubernetesObject,
  signal: AbortSignal,
): Promise<boolean> {
  const name = object.metadata.namespace;
  if (name === undefined) return true;
  return (await cluster.read({ apiVersion: 'v1', kind: 'Namespace', name }, { signal })) !== undefined;
}

export function isCreateOnly(set: ManifestSet, object: KubernetesObject): boolean {
  return set.createOnly.includes(`${object.kind}/${object.metadata.name}`);
}

/** The managers that a conflict names. */
export function managersOf(error: unknown): readonly string[] {
  const text = error instanceof Error ? error.message : '';
  return [...new Set([...text.matchAll(/conflict with "([^"]+)"/g)].map(([, manager]) => manager ?? ''))];
}

/** An object without what the server keeps about it. */
function comparable(object: KubernetesObject): JsonValue {
  const { status: _, metadata, ...rest } = object;
  const {
    managedFields: __,
    resourceVersion: ___,
    generation: ____,
    uid: _____,
    creationTimestamp: ______,
    ...named
  } = metadata as Readonly<Record<string, unknown>>;
  return sortedJson({ ...rest, metadata: named });
}

function differences(
  before: JsonValue,
  after: JsonValue,
  path = '',
): { readonly path: string; readonly before: unknown; readonly after: unknown }[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const bothObjects = [before, after].every(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  if (!bothObjects) {
    if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
      return before.flatMap((item, index) =>
        differences(item as JsonValue, after[index] as JsonValue, `${path}[${index}]`),
      );
    }
    return [{ path, before, after }];
  }
  const [a, b] = [before, after] as [Record<string, JsonValue>, Record<string, JsonValue>];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((name) =>
    differences(a[name] ?? null, b[name] ?? null, path === '' ? name : `${path}.${name}`),
  );
}

const workloadKinds: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'Pod', 'Kafka']);

/** Whether an object becomes ready, or is there as soon as it is written. */
export function isWorkload({ kind }: KubernetesObject): boolean {
  return workloadKinds.has(kind);
}

/** Why a workload is not ready; undefined when it is, or when it is none. */
export function unreadiness(live: KubernetesObject | undefined, object: KubernetesObject): string | undefined {
  const name = `${object.kind} ${object.metadata.name}`;
  if (!isWorkload(object)) return undefined;
  if (live === undefined) return `${name} does not exist`;
  if (object.kind === 'Pod' || object.kind === 'Kafka') {
    const ready = objectsAt(live, 'status.conditions').find((each) => each['type'] === 'Ready');
    return ready?.['status'] === 'True' ? undefined : `${name} is not ready${because(ready)}`;
  }
  const wanted = numberAt(live, 'spec.replicas') ?? 1;
  const observed = numberAt(live, 'status.observedGeneration') ?? 0;
  if (observed < (numberAt(live, 'metadata.generation') ?? 0)) return `${name} is being taken up`;
  const ready = numberAt(live, 'status.readyReplicas') ?? 0;
  const updated = numberAt(live, 'status.updatedReplicas') ?? 0;
  const count = Math.min(ready, updated);
  return count >= wanted ? undefined : `${name}: ${count} of ${wanted} replicas are ready`;
}

function because(condition: Readonly<Record<string, JsonValue>> | undefined): string {
  const message = textAt(condition, 'message') ?? textAt(condition, 'reason');
  return message === undefined ? '' : `: ${message}`;
}
