import {
  BINDING_LABEL,
  labelsOf,
  podLabelsOf,
  POD_IDENTITY_API,
  podIdentityKinds,
  textIn,
  topOwner,
  workloadKinds,
} from '@holdfast/admission';
import type { JsonObject, ReadOwner } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import { kubernetesReason } from '@holdfast/deployment';
import type { KubernetesPort } from '@holdfast/deployment';
import { manifestResources, readManifests } from '@holdfast/policy';

import type { CliIo } from '../context.ts';
import { readText } from '../initdata/read-bytes.ts';

/** What is known about pod identity in manifests or in a cluster. Objects are as they were read. */
export interface DetectedObjects {
  readonly bindings: readonly JsonObject[];
  readonly identities: readonly JsonObject[];
  readonly serviceAccounts: readonly JsonObject[];
  /** What is mounted from Key Vault. */
  readonly secretClasses: readonly JsonObject[];
  /** Objects that somebody wrote whose pods have the label, each once. */
  readonly workloads: readonly JsonObject[];
  /** Sentences about pods whose owner cannot be changed. */
  readonly problems: readonly string[];
}

const SECRET_CLASS = { apiVersion: 'secrets-store.csi.x-k8s.io/v1', kind: 'SecretProviderClass' } as const;

export const namespaceOf = (object: JsonObject): string => textIn(object['metadata'], 'namespace') ?? 'default';
export const nameOf = (object: JsonObject): string => textIn(object['metadata'], 'name') ?? '';
export const placeOf = (object: JsonObject): string =>
  `${textIn(object, 'kind') ?? ''} ${namespaceOf(object)}/${nameOf(object)}`;

/** The objects of manifests; those of other namespaces are left out when one is named. */
export async function readFiles(
  io: CliIo,
  files: readonly string[],
  namespace: string | undefined,
): Promise<DetectedObjects> {
  const objects: JsonObject[] = [];
  for (const file of files) {
    const found = manifestResources(readManifests(await readText(io, file)));
    objects.push(...found.map(({ value }) => withNamespace(value as unknown as JsonObject)));
  }
  const inScope = objects.filter((object) => namespace === undefined || namespaceOf(object) === namespace);
  const ofKind = (kind: string): readonly JsonObject[] => inScope.filter((object) => textIn(object, 'kind') === kind);
  return {
    bindings: ofKind(podIdentityKinds.binding),
    identities: ofKind(podIdentityKinds.identity),
    serviceAccounts: ofKind('ServiceAccount'),
    secretClasses: ofKind(SECRET_CLASS.kind),
    workloads: inScope.filter((object) => BINDING_LABEL in podLabelsOf(object)),
    problems: inScope.flatMap((object) => unknownTemplate(object)),
  };
}

/** An object whose template is not known to this program, with labelled pods in it. */
function unknownTemplate(object: JsonObject): readonly string[] {
  const kind = textIn(object, 'kind') ?? '';
  if (workloadKinds.includes(kind)) return [];
  const labelled = JSON.stringify(object['spec'] ?? null).includes(`"${BINDING_LABEL}":`);
  return labelled ? [`${placeOf(object)}: unsupported owner kind: ${kind}`] : [];
}

/** A manifest may leave its namespace to whoever applies it. */
function withNamespace(object: JsonObject): JsonObject {
  const metadata = (object['metadata'] ?? {}) as JsonObject;
  return { ...object, metadata: { ...metadata, namespace: namespaceOf(object) } };
}

/** The objects of one namespace of a cluster: pods with a label that a binding selects, followed to whoever made them. */
export async function readNamespace(
  cluster: Pick<KubernetesPort, 'list' | 'read'>,
  namespace: string,
): Promise<DetectedObjects> {
  const list = async (apiVersion: string, kind: string): Promise<readonly JsonObject[]> =>
    (await cluster.list(apiVersion, kind, { namespace })) as unknown as readonly JsonObject[];
  const ifKnown = async (apiVersion: string, kind: string): Promise<readonly JsonObject[]> => {
    try {
      return await list(apiVersion, kind);
    } catch (error) {
      // A cluster without pod identity, or without the secrets store, has none of its kinds.
      if (isUnknownKind(error)) return [];
      throw error;
    }
  };
  const readOwner: ReadOwner = async (reference) =>
    (await cluster.read(reference)) as unknown as JsonObject | undefined;
  const workloads = new Map<string, JsonObject>();
  const problems: string[] = [];
  for (const pod of (await list('v1', 'Pod')).filter((each) => BINDING_LABEL in labelsOf(each))) {
    const whole = { apiVersion: 'v1', kind: 'Pod', ...pod };
    try {
      const owner = await topOwner(whole, readOwner);
      workloads.set(placeOf(owner), owner);
    } catch (error) {
      problems.push(`${placeOf(whole)}: ${errorMessage(error)}`);
    }
  }
  return {
    bindings: await ifKnown(POD_IDENTITY_API, podIdentityKinds.binding),
    identities: await ifKnown(POD_IDENTITY_API, podIdentityKinds.identity),
    serviceAccounts: await list('v1', 'ServiceAccount'),
    secretClasses: (await ifKnown(SECRET_CLASS.apiVersion, SECRET_CLASS.kind)).map((each) => ({
      ...SECRET_CLASS,
      ...each,
    })),
    workloads: [...workloads.values()],
    problems,
  };
}

function isUnknownKind(error: unknown): boolean {
  return (
    (error as { readonly code?: unknown }).code === 'KUBERNETES_KIND_UNKNOWN' ||
    kubernetesReason(error)?.reason === 'NotFound'
  );
}
