import { createHttpHeaders } from '@azure/core-rest-pipeline';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { describe, expect, it } from 'vitest';

import { clientsFor, exampleDeployments, fast } from './arm-cloud.ts';
import type { ArmClients } from './arm-cloud.ts';

type Json = Readonly<Record<string, unknown>>;

/** Answers every question with one body, and keeps what is written. */
function mirror(body: Json): { readonly httpClient: HttpClient; readonly written: () => Json } {
  let written: Json = {};
  return {
    written: () => written,
    httpClient: {
      sendRequest: async (request) => {
        if (request.method === 'PUT') written = JSON.parse(request.body as string) as Json;
        const headers = createHttpHeaders({ 'content-type': 'application/json' });
        return { request, status: 200, headers, bodyAsText: JSON.stringify(body) };
      },
    },
  };
}

/** Reads a resource into the SDK's model of its type, and writes that model back. */
const throughModel: Readonly<Record<string, (clients: ArmClients) => Promise<unknown>>> = {
  'Microsoft.Resources/resourceGroups': async ({ resources: { resourceGroups } }) =>
    resourceGroups.createOrUpdate('g', await resourceGroups.get('g')),
  'Microsoft.ContainerService/managedClusters': async ({ clusters: { managedClusters } }) =>
    managedClusters.createOrUpdate('g', 'n', await managedClusters.get('g', 'n'), fast),
  'Microsoft.ContainerService/managedClusters/agentPools': async ({ clusters: { agentPools } }) =>
    agentPools.createOrUpdate('g', 'n', 'p', await agentPools.get('g', 'n', 'p'), fast),
  'Microsoft.KeyVault/vaults': async ({ vaults: { vaults } }) => {
    const { location, properties, tags } = await vaults.get('g', 'n');
    return vaults.createOrUpdate('g', 'n', { location: location ?? '', properties, ...(tags && { tags }) }, fast);
  },
  'Microsoft.KeyVault/vaults/secrets': async ({ vaults: { secrets } }) => {
    const { properties, tags } = await secrets.get('g', 'n', 's');
    return secrets.createOrUpdate('g', 'n', 's', { properties, ...(tags && { tags }) });
  },
  'Microsoft.ManagedIdentity/userAssignedIdentities': async ({ identities: { userAssignedIdentities } }) =>
    userAssignedIdentities.createOrUpdate('g', 'n', await userAssignedIdentities.get('g', 'n')),
  'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials': async ({ identities }) => {
    const { federatedIdentityCredentials: credentials } = identities;
    return credentials.createOrUpdate('g', 'n', 'c', await credentials.get('g', 'n', 'c'));
  },
  'Microsoft.Authorization/roleAssignments': async ({ authorization: { roleAssignments } }) => {
    const { roleDefinitionId, principalId, principalType } = await roleAssignments.get('scope', 'n');
    return roleAssignments.create('scope', 'n', {
      roleDefinitionId: roleDefinitionId ?? '',
      principalId: principalId ?? '',
      ...(principalType && { principalType }),
    });
  },
};

/** Everything that was written as a resource of a template, and what of it the SDK's model lost. */
async function lostIn(resource: Json): Promise<Json> {
  const { type, apiVersion: _, name, dependsOn: __, scope: ___, ...body } = resource;
  const through = throughModel[String(type)];
  if (through === undefined) throw new Error(`no model of ${String(type)} is looked at`);
  const { httpClient, written } = mirror({ id: '/x', type, name, ...body });
  await through(clientsFor({ httpClient }));
  return missing(body, written()) as Json;
}

/** The parts of `all` that `some` lacks. */
function missing(all: unknown, some: unknown): unknown {
  if (typeof all !== 'object' || all === null) return all === some ? undefined : all;
  if (typeof some !== 'object' || some === null) return all;
  const parts = Object.entries(all).flatMap(([name, member]) => {
    const lost = missing(member, (some as Json)[name]);
    return lost === undefined ? [] : [[name, lost] as const];
  });
  return parts.length === 0 ? undefined : Object.fromEntries(parts);
}

const examples = ['uid2-aks.yaml', 'kata-cc.yaml', 'peer-pods.yaml', 'private-link.yaml'];
const resources = examples.flatMap((file) =>
  exampleDeployments(file)
    .flatMap(({ template }) => template.resources as readonly Json[])
    .filter(({ type }) => String(type) in throughModel)
    .map((resource): [string, Json] => [`${file}: ${String(resource['type'])} ${String(resource['name'])}`, resource]),
);

describe("the models of Azure's SDKs", () => {
  it.each(resources)('hold all of %s', async (_name, resource) => {
    expect(await lostIn(resource)).toBeUndefined();
  });

  it('lose a property that Azure does not have', async () => {
    for (const [, resource] of resources) {
      const properties = { ...(resource['properties'] as Json | undefined), misspelt: 1 };
      const lost = await lostIn({ ...resource, properties });
      if (resource['type'] !== 'Microsoft.Resources/resourceGroups')
        expect(lost).toEqual({ properties: { misspelt: 1 } });
    }
  });

  it('are those of every type that has one installed', () => {
    expect(new Set(resources.map(([, { type }]) => type)).size).toBeGreaterThanOrEqual(7);
  });
});
