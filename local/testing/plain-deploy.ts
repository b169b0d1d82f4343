import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { operatorObjects, readBundle, readConfig } from '@holdfast/deployment';
import type { KubernetesObject, Uid2Vn2Config } from '@holdfast/deployment';
import { Agent, request } from 'undici';

import type { Deploy } from '../src/up/operator-start.ts';

interface Cloud {
  readonly armUrl: string;
  readonly authorityUrl: string;
  readonly kubernetesUrl: string;
  readonly caFile: string;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly clientId: string;
  readonly clientSecretFile: string;
  readonly operatorKeyFile: string;
}

const location = 'eastus';
const SECRETS_USER = '4633458b-17de-408a-b874-0445c86b69e6';
const VIRTUAL_NODE = 'mcr.microsoft.com/aci/virtual-node-2-kubelet:test';

/** Deploys the operator with plain requests, the fewest that it takes: a stand-in for the engine, which this package does not know. */
export const plainDeploy: Deploy = async ({ home, configFile, signal, onEvent }) => {
  const cloud = JSON.parse(await readFile(join(home, 'cloud.json'), 'utf8')) as Cloud;
  const dispatcher = new Agent({ connect: { ca: await readFile(cloud.caFile, 'utf8') } });
  try {
    onEvent({ kind: 'stage-begun', stage: 'S1', title: 'Everything' });
    await deploy(cloud, readVn2Config(await readFile(configFile, 'utf8')), home, { dispatcher, signal });
    onEvent({ kind: 'stage-done', stage: 'S1', detail: 'deployed' });
  } finally {
    await dispatcher.destroy();
  }
};

interface Wire {
  readonly dispatcher: Agent;
  readonly signal: AbortSignal;
}

function readVn2Config(text: string): Uid2Vn2Config {
  const { config } = readConfig(text);
  if (config?.profile !== 'uid2-vn2') throw new TypeError('the configuration of a home folder is of another profile');
  return config;
}

async function deploy(cloud: Cloud, config: Uid2Vn2Config, home: string, wire: Wire): Promise<void> {
  const arm = await armClient(cloud, wire);
  const group = `/subscriptions/${cloud.subscriptionId}/resourceGroups/${config.resourceGroup.name}`;
  const at = (type: string, name: string): string => `${group}/providers/${type}/${name}`;
  const identityId = at('Microsoft.ManagedIdentity/userAssignedIdentities', config.operator.identityName);
  const vaultId = at('Microsoft.KeyVault/vaults', config.vault.name);
  await arm(group, '2024-03-01', { location });
  const identity = (await arm(identityId, '2023-01-31', { location })) as { properties: { principalId: string } };
  const sku = { family: 'A', name: 'standard' };
  await arm(vaultId, '2023-07-01', {
    location,
    properties: { tenantId: cloud.tenantId, sku, enableRbacAuthorization: true },
  });
  await arm(
    `${vaultId}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-4111-8111-111111111111`,
    '2022-04-01',
    {
      properties: {
        roleDefinitionId: `/subscriptions/${cloud.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${SECRETS_USER}`,
        principalId: identity.properties.principalId,
        principalType: 'ServicePrincipal',
      },
    },
  );
  const value = (await readFile(cloud.operatorKeyFile, 'utf8')).trim();
  await arm(`${vaultId}/secrets/${config.vault.secretName}`, '2023-07-01', { properties: { value } });
  await arm(at('Microsoft.ContainerService/managedClusters', config.aks.name), '2025-05-01', {
    location,
    identity: { type: 'SystemAssigned' },
    properties: {
      dnsPrefix: 'local',
      kubernetesVersion: '1.34',
      agentPoolProfiles: [{ name: 'pool', mode: 'System', count: 1, vmSize: 'Standard_D4d_v5' }],
    },
  });
  const bundle = readBundle(await readFile(join(home, 'operator.yaml')));
  await applyObjects(cloud, home, [...virtualNode, ...operatorObjects(bundle, config, identityId)], wire);
}

const virtualNode: readonly KubernetesObject[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'vn2' } },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'virtualnode-0', namespace: 'vn2' },
    spec: { containers: [{ name: 'kubelet', image: VIRTUAL_NODE }] },
  },
];

type Arm = (id: string, apiVersion: string, body: object) => Promise<unknown>;

async function armClient(cloud: Cloud, wire: Wire): Promise<Arm> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: cloud.clientId,
    client_secret: (await readFile(cloud.clientSecretFile, 'utf8')).trim(),
    scope: 'https://management.azure.com/.default',
  });
  const token = (await send(`${cloud.authorityUrl}/${cloud.tenantId}/oauth2/v2.0/token`, wire, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  })) as { access_token: string };
  return async (id, apiVersion, body) =>
    send(`${cloud.armUrl}${id}?api-version=${apiVersion}`, wire, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token.access_token}` },
      body: JSON.stringify(body),
    });
}

async function applyObjects(
  { kubernetesUrl }: Cloud,
  home: string,
  objects: readonly KubernetesObject[],
  wire: Wire,
): Promise<void> {
  const token = (await readFile(join(home, 'azure', 'kubernetes-token'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/apply-patch+yaml' };
  const urlOf = ({ apiVersion, kind, metadata }: KubernetesObject): string => {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const namespace = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
    return `${kubernetesUrl}${root}${namespace}/${kind.toLowerCase()}s/${metadata.name}`;
  };
  for (const object of objects) {
    const url = `${urlOf(object)}?fieldManager=test&force=true`;
    await send(url, wire, { method: 'PATCH', headers, body: JSON.stringify(object) });
  }
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  for (;;) {
    const live = (await send(urlOf(deployment as KubernetesObject), wire, { method: 'GET', headers })) as {
      status?: { readyReplicas?: number };
    };
    if ((live.status?.readyReplicas ?? 0) > 0) return;
    await setTimeout(20, undefined, { signal: wire.signal });
  }
}

async function send(
  url: string,
  { dispatcher, signal }: Wire,
  options: {
    readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH';
    readonly headers: Record<string, string>;
    readonly body?: string;
  },
): Promise<unknown> {
  const { statusCode, body } = await request(url, { dispatcher, signal, ...options });
  const text = await body.text();
  if (statusCode >= 300) throw new Error(`${options.method} ${url} answered ${statusCode}: ${text.slice(0, 500)}`);
  return text === '' ? undefined : JSON.parse(text);
}
