import { errorMessage, Secret } from '@holdfast/base';

import { findCloud } from './clouds.ts';
import type { Cloud } from './clouds.ts';
import { invalidParameters } from './mount-error.ts';
import { parseObjects } from './objects-document.ts';
import { BINDING_AUDIENCE, EXCHANGE_AUDIENCE, tokenFor } from './service-account-tokens.ts';
import type { VaultObject } from './vault-object.ts';

/** As whom the vault is asked. */
export type VaultIdentity =
  | { readonly kind: 'pod-identity'; readonly podName: string; readonly podNamespace: string }
  /** An identity of the node; the system-assigned one when `clientId` is empty. */
  | { readonly kind: 'managed-identity'; readonly clientId: string }
  | { readonly kind: 'workload-identity'; readonly clientId: string; readonly token: Secret }
  | { readonly kind: 'identity-binding'; readonly clientId: string; readonly token: Secret }
  | { readonly kind: 'service-principal'; readonly clientId: string; readonly clientSecret: Secret };

/** Everything a mount says, checked. */
export interface MountParameters {
  readonly podName: string;
  readonly podNamespace: string;
  readonly keyvaultName: string;
  readonly tenantId: string;
  readonly cloud: Cloud;
  readonly identity: VaultIdentity;
  readonly objects: readonly VaultObject[];
}

export interface ParameterOptions {
  /** Cloud of classes that name none; the public one when missing. */
  readonly defaultCloud?: string;
  /** Reads the environment file of Azure Stack. */
  readonly readCloudFile?: (path: string) => string;
  /** Behaves as the Azure provider does also where that surprises. */
  readonly compatible?: boolean;
}

const MODES = {
  usePodIdentity: 'PodIdentity',
  useVMManagedIdentity: 'VMManagedIdentity',
  useAzureTokenProxy: 'AzureTokenProxy',
} as const;
type Flag = keyof typeof MODES;
const FLAGS = Object.keys(MODES) as Flag[];
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['', '0', 'f', 'F', 'FALSE', 'false', 'False']);

/**
 * Checks the attributes of a mount in the order of the Azure provider, so that the first problem it names is the same.
 * Nothing is asked of the network.
 * @param attributes Parameters of the class together with what kubelet says about the pod.
 * @param secrets Content of nodePublishSecretRef; undefined when the volume names none.
 * @throws RequestError MOUNT_PARAMETERS_INVALID
 */
export function readMountParameters(
  attributes: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>> | undefined,
  options: ParameterOptions = {},
): MountParameters {
  const read = (name: string): string => (Object.hasOwn(attributes, name) ? (attributes[name] ?? '').trim() : '');
  const required = (value: string, problem: string): string => {
    if (value === '') throw invalidParameters(problem);
    return value;
  };
  const podName = required(read('csi.storage.k8s.io/pod.name'), 'pod name is not provided');
  const podNamespace = required(read('csi.storage.k8s.io/pod.namespace'), 'pod namespace is not provided');
  const flags = FLAGS.filter((flag) => parseFlag(flag, read(flag)));
  if (flags.length > 1) {
    throw invalidParameters(
      'only one identity mode can be enabled at a time: usePodIdentity, useVMManagedIdentity, or useAzureTokenProxy',
    );
  }
  const keyvaultName = required(read('keyvaultName'), 'keyvaultName is not provided');
  const tenantId = required(read('tenantID') || read('tenantId'), 'tenantId is not provided');
  const stackFile = read('cloudEnvFileName');
  const { readCloudFile } = options;
  const cloud = findCloud(
    read('cloudName') || (options.defaultCloud ?? ''),
    stackFile === '' || readCloudFile === undefined ? undefined : () => readCloudFile(stackFile),
  );
  const identity = identityOf({ flag: flags[0], read, secrets, podName, podNamespace });
  const objects = parseObjects(read('objects'), { compatible: options.compatible === true });
  return { podName, podNamespace, keyvaultName, tenantId, cloud, identity, objects };
}

function parseFlag(flag: Flag, value: string): boolean {
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  throw invalidParameters(
    `failed to parse ${flag} flag, error: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
  );
}

interface IdentitySource {
  readonly flag: Flag | undefined;
  readonly read: (name: string) => string;
  readonly secrets: Readonly<Record<string, string>> | undefined;
  readonly podName: string;
  readonly podNamespace: string;
}

function identityOf(source: IdentitySource): VaultIdentity {
  try {
    return chosenIdentity(source);
  } catch (cause) {
    const mode = source.flag === undefined ? 'None' : MODES[source.flag];
    throw invalidParameters(`failed to build auth config for mode ${mode}: ${errorMessage(cause)}`, cause);
  }
}

function chosenIdentity({ flag, read, secrets, podName, podNamespace }: IdentitySource): VaultIdentity {
  const clientId = read('clientID');
  const tokens = read('csi.storage.k8s.io/serviceAccount.tokens');
  if (flag === 'useAzureTokenProxy') {
    if (clientId === '') throw new Error('clientID is required for identity binding');
    if (tokens === '') throw new Error('service account tokens are required for identity binding');
    const token = labelled('failed to parse service account token for identity binding', () =>
      tokenFor(tokens, BINDING_AUDIENCE),
    );
    return { kind: 'identity-binding', clientId, token: new Secret(token) };
  }
  // Looked at whenever it is set: a class with pod identity and a client id wants a token all the same.
  const token =
    clientId === ''
      ? undefined
      : labelled('failed to parse workload identity tokens', () => tokenFor(tokens, EXCHANGE_AUDIENCE));
  if (flag === 'usePodIdentity') return { kind: 'pod-identity', podName, podNamespace };
  if (flag === 'useVMManagedIdentity') return { kind: 'managed-identity', clientId: read('userAssignedIdentityID') };
  if (token !== undefined) return { kind: 'workload-identity', clientId, token: new Secret(token) };
  return servicePrincipal(secrets);
}

function servicePrincipal(secrets: Readonly<Record<string, string>> | undefined): VaultIdentity {
  if (secrets === undefined) throw new Error('failed to get credentials, nodePublishSecretRef secret is not set');
  const find = (name: string): string => {
    const value =
      Object.entries(secrets)
        .find(([key]) => key.trim().toLowerCase() === name)?.[1]
        .trim() ?? '';
    if (value === '') throw new Error(`could not find ${name} in secrets`);
    return value;
  };
  return { kind: 'service-principal', clientId: find('clientid'), clientSecret: new Secret(find('clientsecret')) };
}

function labelled<T>(label: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Error(`${label}, error: ${errorMessage(cause)}`, { cause });
  }
}
