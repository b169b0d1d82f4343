import { RequestError } from '@holdfast/base';

import { objectIn, textIn } from '../../json.ts';
import type { JsonObject } from '../../json.ts';
import { CLIENT_ID, TENANT_ID, USE_LABEL } from '../../workload-identity/annotations.ts';
import { DEFAULT_AUDIENCE } from '../../workload-identity/settings.ts';
import { BINDING_LABEL } from '../resources.ts';
import type { AzureIdentity } from '../resources.ts';
import { withProxyContainers } from './proxy-sidecar.ts';
import type { MigrationSettings } from './settings.ts';
import { kindOf, podTemplateIn, without, withMembers, withoutServerFields, withPodTemplate } from './workloads.ts';

const EXPIRATION = 'azure.workload.identity/service-account-token-expiration';
/** Stands for the issuer in files while nobody has said it. */
export const ISSUER_PLACEHOLDER = '<issuer of the cluster: az aks show --query oidcIssuerProfile.issuerUrl>';
const CREDENTIAL_API = '2023-01-31';

/** What lets a service account act as an identity. */
export interface FederatedCredential {
  readonly name: string;
  readonly identityResourceId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** One workload on its way: what to apply, in this order. */
export interface Migration {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly identity: AzureIdentity;
  readonly credential: FederatedCredential;
  readonly serviceAccount: JsonObject;
  /** The workload with label, service account and, on the path `sidecar`, the proxy. The old label stays until all is well. */
  readonly workload: JsonObject;
}

/**
 * Makes of one workload and its identity what workload identity needs: the federated credential, the service account, and the
 * changed workload. Deterministic: the same input gives the same objects.
 * @param serviceAccount The one that the workload names, as the cluster or a manifest has it.
 * @throws RequestError OWNER_UNSUPPORTED for kinds without a pod template; SERVICE_ACCOUNT_MISSING when the workload names one that is not given
 */
export function migrateWorkload(
  workload: JsonObject,
  identity: AzureIdentity,
  serviceAccount: JsonObject | undefined,
  settings: MigrationSettings,
): Migration {
  const template = podTemplateIn(workload);
  const kind = kindOf(workload);
  if (template === undefined) throw new RequestError('OWNER_UNSUPPORTED', `unsupported owner kind: ${kind}`);
  const metadata = objectIn(workload, 'metadata');
  const name = textIn(metadata, 'name') ?? '';
  const namespace = textIn(metadata, 'namespace') ?? 'default';
  const spec = objectIn(template, 'spec');
  const account = serviceAccountFor({
    owner: name,
    namespace,
    named: serviceAccountNameOf(spec),
    serviceAccount,
    identity,
    settings,
  });
  const accountName = textIn(objectIn(account, 'metadata'), 'name') ?? name;
  // The old name of the same member would contradict it.
  const withAccount = { ...without(spec, ['serviceAccount']), serviceAccountName: accountName };
  const changed: JsonObject = {
    ...template,
    metadata: withMembers(objectIn(template, 'metadata'), 'labels', { [USE_LABEL]: 'true' }),
    spec: settings.path === 'sidecar' ? withProxyContainers(withAccount, settings) : withAccount,
  };
  return {
    kind,
    name,
    namespace,
    identity,
    credential: {
      name: credentialName(namespace, accountName),
      identityResourceId: identity.resourceId,
      issuer: settings.issuer ?? ISSUER_PLACEHOLDER,
      subject: `system:serviceaccount:${namespace}:${accountName}`,
      audience: DEFAULT_AUDIENCE,
    },
    serviceAccount: account,
    workload: withoutServerFields(withPodTemplate(workload, changed)),
  };
}

export interface ServiceAccountInput {
  readonly owner: string;
  readonly namespace: string;
  /** Name in the pod's spec; empty when it has none. */
  readonly named: string;
  readonly serviceAccount: JsonObject | undefined;
  readonly identity: Pick<AzureIdentity, 'clientId'>;
  readonly settings: Pick<MigrationSettings, 'tokenExpirationSeconds' | 'tenantId'>;
}

/**
 * The service account of a migrated workload. Pods of the account `default` get one of their own, named after the workload, since the
 * identity would be everybody's otherwise.
 * @throws RequestError SERVICE_ACCOUNT_MISSING
 */
export function serviceAccountFor(input: ServiceAccountInput): JsonObject {
  const { owner, namespace, named, serviceAccount, identity, settings } = input;
  const annotations = {
    [CLIENT_ID]: identity.clientId,
    [EXPIRATION]: String(settings.tokenExpirationSeconds),
    ...(settings.tenantId === undefined ? {} : { [TENANT_ID]: settings.tenantId }),
  };
  if (named === '' || named === 'default') {
    return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: owner, namespace, annotations } };
  }
  if (serviceAccount === undefined) {
    throw new RequestError(
      'SERVICE_ACCOUNT_MISSING',
      `there is no service account ${namespace}/${named}, which ${owner} names`,
      {
        action: 'Give its manifest along with that of the workload, or read the cluster with --cluster.',
      },
    );
  }
  const metadata = without(objectIn(serviceAccount, 'metadata'), ['resourceVersion']);
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    ...serviceAccount,
    metadata: withMembers(metadata, 'annotations', annotations),
  };
}

/** Name of the service account of a pod's spec; empty when it has none. */
export function serviceAccountNameOf(spec: JsonObject): string {
  return textIn(spec, 'serviceAccountName') ?? textIn(spec, 'serviceAccount') ?? '';
}

/** A federated credential as a template that az deployment group create takes. */
export function credentialTemplate(credential: FederatedCredential): JsonObject {
  const { issuer, subject, audience, identityResourceId, name } = credential;
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources: [
      {
        type: 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
        apiVersion: CREDENTIAL_API,
        name: `${identityResourceId.split('/').at(-1) ?? ''}/${name}`,
        properties: { issuer, subject, audiences: [audience] },
      },
    ],
  };
}

/** The command that makes the same credential. */
export function credentialCommand({
  name,
  identityResourceId,
  issuer,
  subject,
  audience,
}: FederatedCredential): string {
  const group = /\/resourcegroups\/([^/]+)/i.exec(identityResourceId)?.[1] ?? '';
  const subscription = /\/subscriptions\/([^/]+)/i.exec(identityResourceId)?.[1] ?? '';
  const options = [
    ['name', name],
    ['identity-name', identityResourceId.split('/').at(-1) ?? ''],
    ['resource-group', group],
    ['subscription', subscription],
    ['issuer', issuer],
    ['subject', subject],
    ['audiences', audience],
  ] as const;
  return `az identity federated-credential create ${options.map(([flag, value]) => `--${flag} ${quoted(value)}`).join(' ')}`;
}

/** A workload after everything is verified: without the label that ties it to pod identity. */
export function withoutBindingLabel(workload: JsonObject): JsonObject {
  const template = podTemplateIn(workload) ?? {};
  const metadata = objectIn(template, 'metadata');
  const labels = without(objectIn(metadata, 'labels'), [BINDING_LABEL]);
  return withPodTemplate(workload, { ...template, metadata: { ...metadata, labels } });
}

/** At most 120 characters of what Azure takes in a name, unique for namespace and account. */
function credentialName(namespace: string, account: string): string {
  return `${namespace}-${account}`.replaceAll(/[^\w-]/g, '-').slice(0, 120);
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
