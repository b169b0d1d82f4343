import { RequestError } from '@holdfast/base';

import { listIn, objectIn, textIn } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';

export const POD_IDENTITY_GROUP = 'aadpodidentity.k8s.io';
export const POD_IDENTITY_API = `${POD_IDENTITY_GROUP}/v1`;
/** Label of a pod; its value is compared with the selectors of bindings. */
export const BINDING_LABEL = 'aadpodidbinding';
/** Annotation of an AzureIdentity. Key and value are compared as they are. */
const BEHAVIOR = `${POD_IDENTITY_GROUP}/Behavior`;
/** Label of an AzureAssignedIdentity. */
export const NODE_LABEL = 'nodename';
export const ASSIGNED_FINALIZER = `azureassignedidentity.finalizers.${POD_IDENTITY_GROUP}`;
/** Where assigned identities stand whose identity belongs to no namespace. */
const SHARED_NAMESPACE = 'default';

export const podIdentityKinds = {
  identity: 'AzureIdentity',
  binding: 'AzureIdentityBinding',
  assigned: 'AzureAssignedIdentity',
  exception: 'AzurePodIdentityException',
} as const;

/** How the token of an AzureIdentity is got. Other numbers are no types. */
export const identityTypes = { managedIdentity: 0, clientSecret: 1, clientCertificate: 2 } as const;

/** Where an object stands, and which version of it was read. */
export interface ObjectIdentity {
  readonly name: string;
  readonly namespace: string;
  /** Empty when the object did not come from a cluster. */
  readonly resourceVersion: string;
}

export interface SecretReference {
  readonly name: string;
  readonly namespace: string;
}

/** An AzureIdentity: what a pod may become. Members that are missing are empty. */
export interface AzureIdentity extends ObjectIdentity {
  readonly type: number;
  readonly resourceId: string;
  readonly clientId: string;
  readonly clientPassword: SecretReference;
  readonly tenantId: string;
  readonly auxiliaryTenantIds: readonly string[];
  readonly adEndpoint: string;
  /** Whether only pods of its own namespace may have it. */
  readonly namespaced: boolean;
}

/** An AzureIdentityBinding: which pods get an identity of the same namespace. */
export interface AzureIdentityBinding extends ObjectIdentity {
  readonly azureIdentity: string;
  readonly selector: string;
}

/** An AzurePodIdentityException: pods with any one of the labels talk to the metadata service themselves. */
export interface AzurePodIdentityException extends ObjectIdentity {
  readonly podLabels: Readonly<Record<string, string>>;
}

export type AssignedStatus = '' | 'Created' | 'Assigned' | 'Unassigned';

/** An AzureAssignedIdentity: one pod's claim on one identity, with copies of both objects. */
export interface AzureAssignedIdentity extends ObjectIdentity {
  readonly identity: AzureIdentity;
  readonly binding: AzureIdentityBinding;
  readonly pod: string;
  readonly podNamespace: string;
  readonly nodeName: string;
  /** Text of `status.status`; empty for objects of releases before 1.5. */
  readonly status: string;
}

/** Reads an AzureIdentity as leniently as the API server stores it: every member may be missing. */
export function readAzureIdentity(object: JsonObject): AzureIdentity {
  const spec = objectIn(object, 'spec');
  const password = objectIn(spec, 'clientPassword');
  const type = spec['type'];
  return {
    ...identityOf(object),
    type: typeof type === 'number' ? type : identityTypes.managedIdentity,
    resourceId: textIn(spec, 'resourceID') ?? '',
    clientId: textIn(spec, 'clientID') ?? '',
    clientPassword: { name: textIn(password, 'name') ?? '', namespace: textIn(password, 'namespace') ?? '' },
    tenantId: textIn(spec, 'tenantID') ?? '',
    auxiliaryTenantIds: textsIn(spec['auxiliaryTenantIDs']),
    adEndpoint: textIn(spec, 'adEndpoint') ?? '',
    namespaced: textIn(objectIn(objectIn(object, 'metadata'), 'annotations'), BEHAVIOR) === 'namespaced',
  };
}

export function readAzureIdentityBinding(object: JsonObject): AzureIdentityBinding {
  const spec = objectIn(object, 'spec');
  return {
    ...identityOf(object),
    azureIdentity: textIn(spec, 'azureIdentity') ?? '',
    selector: textIn(spec, 'selector') ?? '',
  };
}

export function readAzurePodIdentityException(object: JsonObject): AzurePodIdentityException {
  const labels = objectIn(objectIn(object, 'spec'), 'podLabels');
  return { ...identityOf(object), podLabels: textMembers(labels) };
}

export function readAzureAssignedIdentity(object: JsonObject): AzureAssignedIdentity {
  const spec = objectIn(object, 'spec');
  return {
    ...identityOf(object),
    identity: readAzureIdentity(objectIn(spec, 'azureIdentityRef')),
    binding: readAzureIdentityBinding(objectIn(spec, 'azureBindingRef')),
    pod: textIn(spec, 'pod') ?? '',
    podNamespace: textIn(spec, 'podNamespace') ?? '',
    nodeName: textIn(spec, 'nodename') ?? '',
    status: textIn(objectIn(object, 'status'), 'status') ?? '',
  };
}

const RESOURCE_ID_PARTS = [
  '/subscriptions/',
  '/resourcegroups/',
  '/providers/microsoft.managedidentity/userassignedidentities/',
];

/**
 * Whether a text names a user-assigned managed identity as the reference understands it: the parts in this order in any letter
 * case, whatever stands around and between them.
 */
export function isIdentityResourceId(text: string): boolean {
  const lower = text.toLowerCase();
  let at = 0;
  // Not a regular expression: those with three gaps take minutes for hostile texts.
  for (const part of RESOURCE_ID_PARTS) {
    const found = lower.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return !/[\r\n]/.test(text);
}

/**
 * Refuses what `isIdentityResourceId` does not take.
 * @throws RequestError IDENTITY_RESOURCE_ID_INVALID
 */
export function assertIdentityResourceId(text: string): void {
  if (isIdentityResourceId(text)) return;
  throw new RequestError(
    'IDENTITY_RESOURCE_ID_INVALID',
    `invalid resource id: ${JSON.stringify(text)}, must match /subscriptions/<subid>/resourcegroups/<resourcegroup>/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>`,
    { action: 'Copy the id from az identity show, member id.' },
  );
}

/** A name that holds no namespace of the identity: two bindings may ask for the same one. */
export function assignedIdentityName(pod: string, podNamespace: string, identity: string): string {
  return `${pod}-${podNamespace}-${identity}`;
}

/** Where an assigned identity stands. */
export function assignedIdentityNamespace(
  identity: Pick<AzureIdentity, 'namespace' | 'namespaced'>,
  forceNamespaced: boolean,
): string {
  return forceNamespaced || identity.namespaced ? identity.namespace : SHARED_NAMESPACE;
}

const OLD_NAMES: Readonly<Record<string, string>> = {
  ClientID: 'clientID',
  ClientPassword: 'clientPassword',
  ResourceID: 'resourceID',
  TenantID: 'tenantID',
  ADResourceID: 'adResourceID',
  ADEndpoint: 'adEndpoint',
  AzureIdentity: 'azureIdentity',
  Selector: 'selector',
  Weight: 'weight',
  PodLabels: 'podLabels',
};

/**
 * Members of `spec` that releases before 1.6 wrote and newer ones ignore: the object looks right and does nothing.
 * Answers one sentence for each.
 */
export function oldMemberNames(object: JsonObject): readonly string[] {
  const spec = objectIn(object, 'spec');
  return Object.keys(spec)
    .filter((name) => Object.hasOwn(OLD_NAMES, name))
    .map((name) => `spec.${name} is ignored since release 1.6.0; write spec.${OLD_NAMES[name]}`);
}

/** First and last four characters of an id; texts that are too short, or have white space there, as they are. */
export function redactClientId(id: string): string {
  return id.replace(/^(\S{4})[\s\S]*(\S{4})$/, '$1##### REDACTED #####$2');
}

/** Whether a kubelet's flags choose kubenet, whose shared segment lets pods take each other's address (CVE-2021-1677). */
export function choosesKubenet(kubeletConfig: string): boolean {
  return kubeletConfig.includes('--network-plugin=kubenet');
}

/** Labels of an object, texts only. */
export function labelsOf(object: JsonObject): Readonly<Record<string, string>> {
  return textMembers(objectIn(objectIn(object, 'metadata'), 'labels'));
}

/** Owner references of an object. */
export function ownersOf(object: JsonObject): readonly JsonObject[] {
  return listIn(objectIn(object, 'metadata'), 'ownerReferences');
}

function identityOf(object: JsonObject): ObjectIdentity {
  const metadata = objectIn(object, 'metadata');
  return {
    name: textIn(metadata, 'name') ?? '',
    namespace: textIn(metadata, 'namespace') ?? '',
    resourceVersion: textIn(metadata, 'resourceVersion') ?? '',
  };
}

function textsIn(value: Json | undefined): readonly string[] {
  return Array.isArray(value)
    ? (value as readonly Json[]).filter((entry): entry is string => typeof entry === 'string')
    : [];
}

function textMembers(object: JsonObject): Readonly<Record<string, string>> {
  const entries = Object.entries(object).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(entries);
}
