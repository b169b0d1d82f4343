import { RequestError } from '@holdfast/base';

import { isObject, objectIn, textIn } from '../../json.ts';
import type { Json, JsonObject } from '../../json.ts';
import { labelsOf, ownersOf } from '../resources.ts';

/** Where the pod template of each kind is. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** Kinds whose pods can be taken to workload identity. */
export const workloadKinds: readonly string[] = Object.keys(TEMPLATES);

export function kindOf(object: JsonObject): string {
  return textIn(object, 'kind') ?? '';
}

/** The pod, or pod template, of a workload; undefined for other kinds. */
export function podTemplateIn(workload: JsonObject): JsonObject | undefined {
  const path = TEMPLATES[kindOf(workload)];
  return path === undefined ? undefined : path.reduce<JsonObject>(objectIn, workload);
}

/** A workload with another pod template. */
export function withPodTemplate(workload: JsonObject, template: JsonObject): JsonObject {
  return setIn(workload, TEMPLATES[kindOf(workload)] ?? [], template);
}

function setIn(object: JsonObject, path: readonly string[], value: JsonObject): JsonObject {
  const [first, ...rest] = path;
  return first === undefined ? value : { ...object, [first]: setIn(objectIn(object, first), rest, value) };
}

/** Labels of the pods of a workload. */
export function podLabelsOf(workload: JsonObject): Readonly<Record<string, string>> {
  const template = podTemplateIn(workload);
  return template === undefined ? {} : labelsOf(template);
}

/** Finds an object; undefined when there is none. */
export type ReadOwner = (reference: {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}) => Promise<JsonObject | undefined>;

/** Longer chains than any controller makes. */
const MAX_OWNERS = 10;

/**
 * The object that somebody wrote and that a pod comes from: its controller, and the controllers above. The pod itself when it has none.
 * @throws RequestError OWNER_UNSUPPORTED for kinds whose template is not known, and for owners that do not exist
 */
export async function topOwner(pod: JsonObject, read: ReadOwner): Promise<JsonObject> {
  let object = pod;
  for (let depth = 0; depth < MAX_OWNERS; depth += 1) {
    const owner = ownersOf(object).find((reference) => reference['controller'] === true);
    if (owner === undefined) return object;
    const kind = textIn(owner, 'kind') ?? '';
    assertOwnerKind(kind);
    const name = textIn(owner, 'name') ?? '';
    const namespace = textIn(objectIn(object, 'metadata'), 'namespace') ?? 'default';
    const found = await read({ apiVersion: textIn(owner, 'apiVersion') ?? 'v1', kind, namespace, name });
    if (found === undefined) {
      throw new RequestError(
        'OWNER_UNSUPPORTED',
        `${kind} ${namespace}/${name} does not exist, although it owns a pod`,
        {
          action: 'Wait until the cluster has removed the pod, and run the command again.',
        },
      );
    }
    object = found;
  }
  throw new RequestError('OWNER_UNSUPPORTED', `more than ${MAX_OWNERS} controllers stand above one pod`);
}

/**
 * Refuses owners whose pods cannot be changed through a known template.
 * @throws RequestError OWNER_UNSUPPORTED
 */
export function assertOwnerKind(kind: string): void {
  if (Object.hasOwn(TEMPLATES, kind)) return;
  throw new RequestError('OWNER_UNSUPPORTED', `unsupported owner kind: ${kind}`, {
    action: 'Change the object that makes the pods by hand; docs/guides/identity.md says what is needed.',
  });
}

const SERVER_OWNED = ['resourceVersion', 'uid', 'generation', 'managedFields', 'creationTimestamp', 'selfLink'];

/** An object as somebody would write it: without what the API server adds. */
export function withoutServerFields(object: JsonObject): JsonObject {
  const { status: _status, ...rest } = object;
  return { ...rest, metadata: without(objectIn(object, 'metadata'), SERVER_OWNED) };
}

export function without(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

/** A member of an object with more members; those of `added` win. */
export function withMembers(object: JsonObject, member: string, added: Readonly<Record<string, Json>>): JsonObject {
  const before = object[member];
  return { ...object, [member]: { ...(isObject(before) ? before : {}), ...added } };
}
