import { readFile } from 'node:fs/promises';

import type { KubernetesObject } from '@holdfast/deployment';
import { readManifests } from '@holdfast/policy';
import { manifests } from '@holdfast/vote';

import { CLOSED_VAULT, NAME, NAMESPACE } from './vote-azure.ts';
import type { VoteIdentity, VoteResources } from './vote-azure.ts';

type Texts = Readonly<Record<string, string>>;

interface SecretClass extends KubernetesObject {
  readonly spec: { readonly parameters: Texts };
}

interface Workload extends KubernetesObject {
  readonly spec: { readonly template: PodTemplate };
}

interface PodTemplate {
  readonly metadata: { readonly labels: Texts };
  readonly spec: { readonly serviceAccountName?: string; readonly volumes: readonly Volume[] };
}

interface Volume {
  readonly name: string;
  readonly csi: { readonly volumeAttributes: Texts };
}

export const secretReference = { apiVersion: 'v1', kind: 'Secret', name: NAME, namespace: NAMESPACE } as const;
export const deploymentReference = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  name: NAME,
  namespace: NAMESPACE,
} as const;

/** The manifest of what the application mounts, with the ids of this cloud in it. */
export async function secretObjects(
  kind: VoteIdentity,
  { tenantId, clientId }: Pick<VoteResources, 'tenantId' | 'clientId'>,
): Promise<readonly KubernetesObject[]> {
  const objects = await readObjects(manifests[kind].secrets);
  return objects.map((object) => {
    if (object.kind === 'ServiceAccount') {
      const annotations = { 'azure.workload.identity/client-id': clientId };
      return { ...object, metadata: { ...object.metadata, annotations } };
    }
    return withParameters(object as SecretClass, { tenantId, ...(kind === 'workload' ? { clientID: clientId } : {}) });
  });
}

/** The manifest of the application: Deployment and Service. */
export async function applicationObjects(kind: VoteIdentity): Promise<readonly KubernetesObject[]> {
  return readObjects(manifests[kind].application);
}

/** A class like that of the application, for the vault that gives nobody access. */
export function closedClass(objects: readonly KubernetesObject[]): KubernetesObject {
  const found = objects.find(({ kind }) => kind === 'SecretProviderClass') as SecretClass;
  const named = { ...found, metadata: { ...found.metadata, name: CLOSED_VAULT } };
  return withParameters(named, { keyvaultName: CLOSED_VAULT });
}

/** A pod like that of the application, which nobody restarts and no Service finds, with one thing wrong. */
export function wrongPod(
  objects: readonly KubernetesObject[],
  name: string,
  wrong: { readonly binding?: string; readonly serviceAccountName?: string; readonly secretProviderClass?: string },
): KubernetesObject {
  const { template } = (objects.find(({ kind }) => kind === 'Deployment') as Workload).spec;
  const { binding, serviceAccountName, secretProviderClass } = wrong;
  const labels = {
    ...template.metadata.labels,
    app: name,
    ...(binding === undefined ? {} : { aadpodidbinding: binding }),
  };
  const volumes = template.spec.volumes.map((volume) =>
    secretProviderClass === undefined
      ? volume
      : { ...volume, csi: { ...volume.csi, volumeAttributes: { secretProviderClass } } },
  );
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels },
    spec: { ...template.spec, ...(serviceAccountName === undefined ? {} : { serviceAccountName }), volumes },
  };
}

function withParameters(object: SecretClass, more: Texts): KubernetesObject {
  return { ...object, spec: { ...object.spec, parameters: { ...object.spec.parameters, ...more } } };
}

async function readObjects(file: URL): Promise<readonly KubernetesObject[]> {
  return readManifests(await readFile(file)).documents.map(({ value }) => value as KubernetesObject);
}
