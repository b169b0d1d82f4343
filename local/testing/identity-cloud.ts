import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { toUtf8 } from '@holdfast/base';
import { roleDefinitionId } from '@holdfast/deployment';
import { Agent, request } from 'undici';

import type { LocalImageDefinition } from '../src/images/build-local-image.ts';
import { startLocalCloud } from '../src/up/start-local-cloud.ts';
import type { LocalCloud } from '../src/up/start-local-cloud.ts';
import { fakeOperatorImages } from './fake-images.ts';
import { fakeServeCommand } from './fake-serve-command.ts';
import { SDK_CLIENT } from './sdk-client.ts';
import type { SdkAnswer } from './sdk-client.ts';

export interface TestIdentity {
  readonly resourceId: string;
  readonly clientId: string;
  readonly principalId: string;
}

export interface PodParts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
}

const location = 'eastus';
/** Its command `/run SCRIPT` runs a piece of JavaScript. */
const scriptImage: LocalImageDefinition = {
  reference: 'script:1',
  config: { Entrypoint: ['/run'], WorkingDir: '/' },
  formats: ['ext4'],
  files: [{ kind: 'file', path: '/run', source: toUtf8('#!/usr/bin/env node\neval(process.argv[2]);\n'), mode: 0o755 }],
};

/** The Azure endpoints of a local cloud, whose clusters can run pods of the image `script:1`. */
export async function startScriptCloud(folder: string, portBase: number): Promise<LocalCloud> {
  return startLocalCloud({
    home: join(folder, 'home'),
    portBase,
    salts: 20,
    only: ['azure'],
    serve: fakeServeCommand(),
    operatorImages: [...fakeOperatorImages(), scriptImage],
    environment: { ...process.env, HOLDFAST_IMAGES: join(folder, 'images') },
    platformRsaBits: 2048,
  });
}

/** A local cloud as an administrator of its Azure and of one cluster in it uses it. */
export type IdentityCloud = Awaited<ReturnType<typeof openIdentityCloud>>;

export async function openIdentityCloud(cloud: LocalCloud) {
  const home = cloud.ready.home;
  const file = JSON.parse(await readFile(join(home, 'cloud.json'), 'utf8')) as Record<string, string>;
  const dispatcher = new Agent({ connect: { ca: await readFile(file['caFile'] ?? '', 'utf8') } });
  const send = async (
    method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<unknown> => {
    const answer = await request(url, { dispatcher, method, headers, ...(body === undefined ? {} : { body }) });
    const text = await answer.body.text();
    if (answer.statusCode >= 300)
      throw new Error(`${method} ${url} answered ${answer.statusCode}: ${text.slice(0, 500)}`);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  };
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: file['clientId'] ?? '',
    client_secret: (await readFile(file['clientSecretFile'] ?? '', 'utf8')).trim(),
    scope: 'https://management.azure.com/.default',
  });
  const tokenUrl = `${file['authorityUrl']}/${file['tenantId']}/oauth2/v2.0/token`;
  const formType = { 'content-type': 'application/x-www-form-urlencoded' };
  const token = (await send('POST', tokenUrl, formType, form.toString())) as { access_token: string };
  const group = `/subscriptions/${file['subscriptionId']}/resourceGroups/identities`;
  const at = (type: string, name: string): string => `${group}/providers/${type}/${name}`;
  const arm = async (method: 'PUT' | 'POST', id: string, apiVersion: string, body: object): Promise<unknown> =>
    send(
      method,
      `${file['armUrl']}${id}?api-version=${apiVersion}`,
      { 'content-type': 'application/json', authorization: `Bearer ${token.access_token}` },
      JSON.stringify(body),
    );
  await arm('PUT', group, '2024-03-01', { location });
  const clusterId = at('Microsoft.ContainerService/managedClusters', 'cluster');
  const network = at('Microsoft.Network/virtualNetworks', 'network');
  await arm('PUT', network, '2024-05-01', {
    location,
    properties: {
      addressSpace: { addressPrefixes: ['10.9.0.0/16'] },
      subnets: [
        { name: 'nodes', properties: { addressPrefix: '10.9.0.0/24' } },
        { name: 'endpoints', properties: { addressPrefix: '10.9.1.0/24' } },
      ],
    },
  });
  let assignments = 0;

  const kubernetes = async (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<unknown> => {
    const admin = (await readFile(join(home, 'azure', 'kubernetes-token'), 'utf8')).trim();
    const type = method === 'PATCH' ? 'application/apply-patch+yaml' : 'application/json';
    return send(
      method,
      `${file['kubernetesUrl']}${path}`,
      { authorization: `Bearer ${admin}`, 'content-type': type },
      body === undefined ? undefined : JSON.stringify(body),
    );
  };

  const runScript = async (name: string, parts: PodParts, script: string): Promise<unknown> => {
    const pods = '/api/v1/namespaces/default/pods';
    await kubernetes('POST', pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: parts.labels ?? {} },
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 0,
        ...(parts.serviceAccount === undefined ? {} : { serviceAccountName: parts.serviceAccount }),
        containers: [{ name: 'app', image: 'script:1', command: ['/run', script] }],
      },
    });
    for (;;) {
      const pod = (await kubernetes('GET', `${pods}/${name}`)) as {
        status?: {
          phase?: string;
          containerStatuses?: { state?: { waiting?: { reason?: string; message?: string } } }[];
        };
      };
      const phase = pod.status?.phase;
      if (phase === 'Succeeded' || phase === 'Failed') break;
      const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting;
      if (waiting?.reason !== undefined && !['ContainerCreating', 'PodInitializing'].includes(waiting.reason)) {
        throw new Error(`${name}: ${waiting.reason}: ${waiting.message}`);
      }
      await setTimeout(50);
    }
    const log = await kubernetes('GET', `${pods}/${name}/log`);
    await kubernetes('DELETE', `${pods}/${name}`);
    return log;
  };

  return {
    cloudFile: file,
    clusterId,
    arm,
    kubernetes,
    runScript,
    clientSecret: async (): Promise<string> => (await readFile(file['clientSecretFile'] ?? '', 'utf8')).trim(),
    makeServiceAccount: async (name: string, clientId: string): Promise<void> => {
      const annotations = { 'azure.workload.identity/client-id': clientId };
      const metadata = { name, namespace: 'default', annotations };
      const object = { apiVersion: 'v1', kind: 'ServiceAccount', metadata };
      await kubernetes('POST', '/api/v1/namespaces/default/serviceaccounts', object);
    },
    /** What anybody gets from a URL. */
    anonymous: async (url: string): Promise<unknown> => send('GET', url),
    /** What an Azure SDK in a pod makes of a request. */
    runSdk: async (name: string, asked: object, parts: PodParts = {}): Promise<SdkAnswer> => {
      const script = `process.argv[2] = ${JSON.stringify(JSON.stringify(asked))}; import(${JSON.stringify(SDK_CLIENT.href)});`;
      return (await runScript(name, parts, script)) as SdkAnswer;
    },
    makeIdentity: async (
      name: string,
      trust?: { readonly issuer: string; readonly subject: string },
    ): Promise<TestIdentity> => {
      const resourceId = at('Microsoft.ManagedIdentity/userAssignedIdentities', name);
      const made = (await arm('PUT', resourceId, '2023-01-31', { location })) as {
        properties: { clientId: string; principalId: string };
      };
      if (trust !== undefined) {
        await arm('PUT', `${resourceId}/federatedIdentityCredentials/trust`, '2023-01-31', {
          properties: { ...trust, audiences: ['api://AzureADTokenExchange'] },
        });
      }
      const { clientId, principalId } = made.properties;
      return { resourceId, clientId, principalId };
    },
    /** A vault with secrets that some principals may read. */
    makeVault: async (
      name: string,
      readers: readonly string[],
      secrets: Readonly<Record<string, string>>,
      properties: object = { enableRbacAuthorization: true },
    ): Promise<string> => {
      const id = at('Microsoft.KeyVault/vaults', name);
      const sku = { family: 'A', name: 'standard' };
      await arm('PUT', id, '2023-07-01', { location, properties: { tenantId: file['tenantId'], sku, ...properties } });
      for (const principalId of readers) {
        assignments += 1;
        const guid = `11111111-1111-4111-8111-${String(assignments).padStart(12, '0')}`;
        await arm('PUT', `${id}/providers/Microsoft.Authorization/roleAssignments/${guid}`, '2022-04-01', {
          properties: {
            roleDefinitionId: roleDefinitionId(file['subscriptionId'] ?? '', 'keyVaultSecretsUser'),
            principalId,
            principalType: 'ServicePrincipal',
          },
        });
      }
      for (const [secret, value] of Object.entries(secrets)) {
        await arm('PUT', `${id}/secrets/${secret}`, '2023-07-01', { properties: { value } });
      }
      return id;
    },
    /** A private endpoint for a vault in the network of the cluster. */
    makePrivateEndpoint: async (vaultId: string): Promise<void> => {
      const name = `${vaultId.split('/').at(-1)}-endpoint`;
      const connection = { name, properties: { privateLinkServiceId: vaultId, groupIds: ['vault'] } };
      await arm('PUT', at('Microsoft.Network/privateEndpoints', name), '2024-05-01', {
        location,
        properties: {
          subnet: { id: `${network}/subnets/endpoints` },
          privateLinkServiceConnections: [connection],
        },
      });
    },
    makeCluster: async (settings: {
      readonly workloadIdentity: boolean;
      readonly podIdentity?: readonly { readonly name: string; readonly identity: TestIdentity }[];
      readonly exceptions?: readonly object[];
    }): Promise<{ readonly issuerURL: string }> => {
      const made = (await arm('PUT', clusterId, '2025-05-01', {
        location,
        identity: { type: 'SystemAssigned' },
        properties: {
          dnsPrefix: 'cluster',
          kubernetesVersion: '1.34',
          oidcIssuerProfile: { enabled: true },
          securityProfile: { workloadIdentity: { enabled: settings.workloadIdentity } },
          agentPoolProfiles: [
            {
              name: 'pool',
              mode: 'System',
              count: 1,
              vmSize: 'Standard_D4d_v5',
              vnetSubnetID: `${network}/subnets/nodes`,
            },
          ],
          ...(settings.podIdentity === undefined
            ? {}
            : {
                podIdentityProfile: {
                  enabled: true,
                  userAssignedIdentityExceptions: settings.exceptions ?? [],
                  userAssignedIdentities: settings.podIdentity.map(({ name, identity }) => ({
                    name,
                    namespace: 'default',
                    bindingSelector: name,
                    identity: {
                      clientId: identity.clientId,
                      objectId: identity.principalId,
                      resourceId: identity.resourceId,
                    },
                  })),
                },
              }),
        },
      })) as { properties: { oidcIssuerProfile: { issuerURL: string } } };
      return made.properties.oidcIssuerProfile;
    },
    close: async (): Promise<void> => dispatcher.destroy(),
  };
}
