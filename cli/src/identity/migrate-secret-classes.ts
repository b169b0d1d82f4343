import { listIn, objectIn, podTemplateIn, textIn, withPodTemplate } from '@holdfast/admission';
import type { JsonObject, Migration } from '@holdfast/admission';

import { nameOf, namespaceOf } from './detect-sources.ts';

const DRIVER = 'secrets-store.csi.k8s.io';
/** Texts that the provider takes for true. */
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const SUFFIX = '-workload-identity';

export interface MigratedClasses {
  /** The workload, mounting the new classes. */
  readonly workload: JsonObject;
  /** New classes, to be applied before the workload. */
  readonly classes: readonly JsonObject[];
  readonly notes: readonly string[];
}

/**
 * Takes along the secrets that a workload mounts from Key Vault as its pod identity. Each class is copied under another name, with the
 * client id in the place of pod identity, and the workload mounts the copy: so old and new pods both have a class that fits them, and the
 * old one is there to go back to.
 */
export function migrateSecretClasses(
  { workload, namespace, identity }: Pick<Migration, 'workload' | 'namespace' | 'identity'>,
  known: readonly JsonObject[],
): MigratedClasses {
  const classes = new Map<string, JsonObject>();
  const notes: string[] = [];
  const template = podTemplateIn(workload) ?? {};
  const volumes = listIn(template['spec'], 'volumes').map((volume) => {
    const name = mountedClass(volume);
    if (name === undefined) return volume;
    const found = known.find((each) => namespaceOf(each) === namespace && nameOf(each) === name);
    if (found === undefined) {
      notes.push(
        `${nameOf(workload)} mounts the SecretProviderClass ${name}, which is not here: see to its identity by hand`,
      );
      return volume;
    }
    if (!TRUE.has(textIn(objectIn(objectIn(found, 'spec'), 'parameters'), 'usePodIdentity')?.trim() ?? ''))
      return volume;
    const copy = withClientId(found, identity.clientId);
    classes.set(nameOf(copy), copy);
    return withClass(volume, nameOf(copy));
  });
  if (classes.size === 0) return { workload, classes: [], notes };
  const spec = { ...objectIn(template, 'spec'), volumes };
  return { workload: withPodTemplate(workload, { ...template, spec }), classes: [...classes.values()], notes };
}

function mountedClass(volume: JsonObject): string | undefined {
  const csi = objectIn(volume, 'csi');
  return textIn(csi, 'driver') === DRIVER
    ? textIn(objectIn(csi, 'volumeAttributes'), 'secretProviderClass')
    : undefined;
}

function withClass(volume: JsonObject, secretProviderClass: string): JsonObject {
  const csi = objectIn(volume, 'csi');
  const volumeAttributes = { ...objectIn(csi, 'volumeAttributes'), secretProviderClass };
  return { ...volume, csi: { ...csi, volumeAttributes } };
}

function withClientId(found: JsonObject, clientID: string): JsonObject {
  const { labels } = objectIn(found, 'metadata');
  const spec = objectIn(found, 'spec');
  const { userAssignedIdentityID: _, ...parameters } = objectIn(spec, 'parameters');
  return {
    apiVersion: textIn(found, 'apiVersion') ?? '',
    kind: 'SecretProviderClass',
    metadata: {
      name: `${nameOf(found)}${SUFFIX}`,
      namespace: namespaceOf(found),
      ...(labels === undefined ? {} : { labels }),
    },
    spec: { ...spec, parameters: { ...parameters, usePodIdentity: 'false', clientID } },
  };
}
