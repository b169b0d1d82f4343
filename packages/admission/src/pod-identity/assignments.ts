import { objectIn, textIn } from '../json.ts';
import type { JsonObject } from '../json.ts';
import {
  ASSIGNED_FINALIZER,
  assignedIdentityName,
  assignedIdentityNamespace,
  BINDING_LABEL,
  identityTypes,
  isIdentityResourceId,
  labelsOf,
  NODE_LABEL,
  POD_IDENTITY_API,
  podIdentityKinds,
  readAzureAssignedIdentity,
  readAzureIdentity,
  readAzureIdentityBinding,
} from './resources.ts';
import type { AzureAssignedIdentity, AzureIdentity, AzureIdentityBinding } from './resources.ts';

/** Everything that decides which pods have which identities. Objects are as the API server answers them. */
export interface AssignmentWorld {
  readonly pods: readonly JsonObject[];
  readonly bindings: readonly JsonObject[];
  readonly identities: readonly JsonObject[];
}

export interface DesiredAssignments {
  /** In order of the bindings that ask for them. */
  readonly assigned: readonly JsonObject[];
  /** Sentences about what is left out, for the log. */
  readonly warnings: readonly string[];
}

export interface AssignmentDifference {
  /** Objects that are missing. */
  readonly create: readonly JsonObject[];
  /** Objects that nobody asks for any more. */
  readonly remove: readonly AzureAssignedIdentity[];
  /** Objects that say something else than they should: before and after. */
  readonly update: readonly { readonly before: AzureAssignedIdentity; readonly after: JsonObject }[];
}

interface ReadObject<T> {
  readonly object: JsonObject;
  readonly read: T;
}

/**
 * The AzureAssignedIdentity objects that should exist: one for each pod on a node and each binding whose selector is the pod's
 * label, where the identity exists, is valid, and may be had by that namespace. When two bindings lead to the same name the
 * first by namespace and name has it.
 */
export function desiredAssignments(world: AssignmentWorld, forceNamespaced: boolean): DesiredAssignments {
  const warnings: string[] = [];
  const identities = new Map(
    world.identities.map((object) => {
      const read = readAzureIdentity(object);
      return [`${read.namespace}/${read.name}`, { object, read }] as const;
    }),
  );
  const bindings = world.bindings
    .map((object) => ({ object, read: readAzureIdentityBinding(object) }))
    .toSorted((a, b) => compareText(a.read.namespace, b.read.namespace) || compareText(a.read.name, b.read.name));
  const invalid = new Set<string>();
  const assigned = new Map<string, JsonObject>();
  for (const pod of world.pods) {
    const place = podPlace(pod);
    if (place === undefined) continue;
    for (const binding of bindings) {
      if (binding.read.selector !== place.label) continue;
      const identity = identities.get(`${binding.read.namespace}/${binding.read.azureIdentity}`);
      if (identity === undefined || !mayHave(place.namespace, identity.read, forceNamespaced)) continue;
      if (!isUsable(identity.read)) {
        invalid.add(placeOf(identity.read));
        continue;
      }
      const object = assignedObject(place, binding, identity, forceNamespaced);
      const key = placeOf(readAzureAssignedIdentity(object));
      if (assigned.has(key)) {
        warnings.push(
          `${key} is wanted by more than one binding; that of ${placeOf(binding.read)} is left out, rename its identity`,
        );
      } else assigned.set(key, object);
    }
  }
  for (const place of invalid)
    warnings.push(`AzureIdentity ${place} is left out: its resourceID is no managed identity`);
  return { assigned: [...assigned.values()], warnings };
}

/** What turns the objects that are there into those that should be. */
export function assignmentDifference(
  desired: readonly JsonObject[],
  present: readonly JsonObject[],
): AssignmentDifference {
  const before = new Map(
    present.map((object) => {
      const read = readAzureAssignedIdentity(object);
      return [placeOf(read), read] as const;
    }),
  );
  const create: JsonObject[] = [];
  const update: { before: AzureAssignedIdentity; after: JsonObject }[] = [];
  for (const object of desired) {
    const after = readAzureAssignedIdentity(object);
    const found = before.get(placeOf(after));
    before.delete(placeOf(after));
    if (found === undefined) create.push(object);
    else if (!saysTheSame(found, after)) update.push({ before: found, after: object });
  }
  return { create, remove: [...before.values()], update };
}

function isUsable({ type, resourceId }: AzureIdentity): boolean {
  return type !== identityTypes.managedIdentity || isIdentityResourceId(resourceId);
}

/** The binding's and the identity's namespace are one and the same here: the identity is looked up there. */
function mayHave(podNamespace: string, identity: AzureIdentity, forceNamespaced: boolean): boolean {
  return podNamespace === identity.namespace || !(forceNamespaced || identity.namespaced);
}

interface PodPlace {
  readonly name: string;
  readonly namespace: string;
  readonly node: string;
  readonly label: string;
}

/** Undefined for pods that are not scheduled, have no label, or have ended. */
function podPlace(pod: JsonObject): PodPlace | undefined {
  const label = labelsOf(pod)[BINDING_LABEL] ?? '';
  const node = textIn(objectIn(pod, 'spec'), 'nodeName') ?? '';
  const phase = textIn(objectIn(pod, 'status'), 'phase');
  if (label === '' || node === '' || phase === 'Succeeded' || phase === 'Failed') return undefined;
  const metadata = objectIn(pod, 'metadata');
  return { name: textIn(metadata, 'name') ?? '', namespace: textIn(metadata, 'namespace') ?? '', node, label };
}

function assignedObject(
  pod: PodPlace,
  binding: ReadObject<AzureIdentityBinding>,
  identity: ReadObject<AzureIdentity>,
  forceNamespaced: boolean,
): JsonObject {
  return {
    apiVersion: POD_IDENTITY_API,
    kind: podIdentityKinds.assigned,
    metadata: {
      name: assignedIdentityName(pod.name, pod.namespace, identity.read.name),
      namespace: assignedIdentityNamespace(identity.read, forceNamespaced),
      labels: { [NODE_LABEL]: pod.node },
      finalizers: [ASSIGNED_FINALIZER],
    },
    spec: {
      azureIdentityRef: identity.object,
      azureBindingRef: binding.object,
      pod: pod.name,
      podNamespace: pod.namespace,
      nodename: pod.node,
    },
    status: { status: 'Created', availableReplicas: 1 },
  };
}

function saysTheSame(a: AzureAssignedIdentity, b: AzureAssignedIdentity): boolean {
  return (
    sameVersion(a.identity, b.identity) &&
    sameVersion(a.binding, b.binding) &&
    a.pod === b.pod &&
    a.podNamespace === b.podNamespace &&
    a.nodeName === b.nodeName
  );
}

function sameVersion(
  a: { readonly name: string; readonly resourceVersion: string },
  b: { readonly name: string; readonly resourceVersion: string },
): boolean {
  return a.name === b.name && a.resourceVersion === b.resourceVersion;
}

function placeOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
