import { MalformedError } from '@holdfast/base';

import { asObject, type JsonObject, textMember } from './json-value.ts';
import type { ManifestDocument, ManifestStream } from './yaml-stream.ts';

export type ManifestPath = readonly (string | number)[];

/**
 * Kinds that make pods, each with the path from the object to its pod: the pod itself or a controller's pod template.
 */
export const podKinds: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** An object of a stream: a document, or an item of a `List`. */
export interface ManifestResource {
  readonly document: ManifestDocument;
  /** From the document to the object: empty, or `['items', n]`. */
  readonly path: ManifestPath;
  readonly kind: string;
  readonly name: string | undefined;
  readonly value: JsonObject;
}

/** A pod or pod template with the object that holds it. */
export interface PodTemplate {
  readonly resource: ManifestResource;
  /** From the document to the pod: its members are `metadata` and `spec`. */
  readonly path: ManifestPath;
  /** `{ metadata?, spec }`. */
  readonly pod: JsonObject;
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
}

/**
 * All objects of a stream in order, `List` items one by one; empty documents and values that are no objects are left
 * out.
 */
export function manifestResources(stream: ManifestStream): ManifestResource[] {
  return stream.documents.flatMap((document) => resourcesOf(document));
}

function resourcesOf(document: ManifestDocument): ManifestResource[] {
  const value = asObject(document.value);
  if (value === undefined) return [];
  if (textMember(value, 'kind') !== 'List' || !Array.isArray(value['items'])) return [resource(document, [], value)];
  return (value['items'] as unknown[]).flatMap((item, index) => {
    const object = asObject(item);
    return object === undefined ? [] : [resource(document, ['items', index], object)];
  });
}

function resource(document: ManifestDocument, path: ManifestPath, value: JsonObject): ManifestResource {
  const name = textMember(asObject(value['metadata']) ?? {}, 'name');
  return { document, path, value, kind: textMember(value, 'kind') ?? '', name };
}

/**
 * The pods and pod templates of a stream in order, for the kinds of `podKinds`.
 * @throws MalformedError MANIFEST_POD_INVALID when such a kind has no pod with containers
 */
export function podTemplates(stream: ManifestStream): PodTemplate[] {
  return manifestResources(stream).flatMap((found) => {
    const template = podTemplateOf(found);
    return template === undefined ? [] : [template];
  });
}

/**
 * The pod of one object, undefined for kinds that make none.
 * @throws MalformedError MANIFEST_POD_INVALID
 */
export function podTemplateOf(found: ManifestResource): PodTemplate | undefined {
  if (!Object.hasOwn(podKinds, found.kind)) return undefined;
  const within = podKinds[found.kind] ?? [];
  let pod: JsonObject | undefined = found.value;
  for (const name of within) pod = asObject(pod?.[name]);
  const spec = asObject(pod?.['spec']);
  if (pod === undefined || spec === undefined || !Array.isArray(spec['containers'])) {
    const where = [...within, 'spec', 'containers'].join('.');
    throw new MalformedError('MANIFEST_POD_INVALID', `the ${found.kind} ${found.name ?? ''} has no list ${where}`);
  }
  return { resource: found, path: [...found.path, ...within], pod, metadata: asObject(pod['metadata']) ?? {}, spec };
}
