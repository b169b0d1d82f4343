import { createHash } from 'node:crypto';

import type { JsonValue } from '../src/arm/template.ts';
import type { JsonObject } from '../src/engine/ports.ts';
import { textAt, valueAt } from '../src/engine/json.ts';

/** What services add to a resource that is written, beside what was sent. */
export interface Written {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly body: JsonObject;
  readonly previous: JsonObject | undefined;
}

/** A UUID that follows from a text. */
export function fakeUuid(text: string): string {
  const hex = createHash('sha256').update(text.toLowerCase()).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** A PUT replaces everything but what the service sets itself. */
export function stored({ id, type, name, body, previous }: Written, generation: number): JsonObject {
  const { dependsOn: _, apiVersion: __, scope: ___, ...sent } = body as Record<string, JsonValue>;
  const properties = { ...(sent['properties'] as JsonObject | undefined) };
  const own = serviceProperties({ id, type, name, body, previous }, properties, generation);
  return {
    ...sent,
    ...own.top,
    id,
    type,
    name: name.split('/').at(-1) ?? name,
    properties: { ...properties, ...own.properties },
  };
}

interface ServiceOwned {
  readonly top?: JsonObject;
  readonly properties: JsonObject;
}

function serviceProperties(written: Written, properties: JsonObject, generation: number): ServiceOwned {
  const succeeded: JsonObject = { provisioningState: 'Succeeded' };
  const { id, type } = written;
  switch (type.toLowerCase()) {
    case 'microsoft.managedidentity/userassignedidentities':
      return {
        properties: {
          tenantId: 'tenant',
          clientId: fakeUuid(`${id}#client#${generation}`),
          principalId: fakeUuid(`${id}#principal#${generation}`),
        },
      };
    case 'microsoft.containerservice/managedclusters':
      return cluster(written, properties, generation);
    case 'microsoft.keyvault/vaults':
      return { properties: { ...succeeded, vaultUri: `https://${written.name}.vault.azure.net/` } };
    case 'microsoft.attestation/attestationproviders':
      return {
        properties: { status: 'Ready', trustModel: 'AAD', attestUri: `https://${written.name}.eus.attest.azure.net` },
      };
    case 'microsoft.network/publicipaddresses':
      return { properties: { ...succeeded, ipAddress: '203.0.113.7' } };
    case 'microsoft.authorization/roleassignments':
    case 'microsoft.managedidentity/userassignedidentities/federatedidentitycredentials':
      return { properties: {} };
    default:
      return { properties: succeeded };
  }
}

/** The version that nodes run: the patch of the one they were asked to. */
function patchOf(asked: JsonValue | undefined, live: string): string {
  if (typeof asked !== 'string') return live;
  return /^\d+\.\d+$/.test(asked) ? `${asked}.2` : asked;
}

function cluster({ id, name, body }: Written, properties: JsonObject, generation: number): ServiceOwned {
  const version = textAt(properties, 'kubernetesVersion') ?? '1.34';
  const live = /^\d+\.\d+$/.test(version) ? `${version}.2` : version;
  const identity = body['identity'] as JsonObject | undefined;
  const oidc = properties['oidcIssuerProfile'] as JsonObject | undefined;
  const profile = properties['identityProfile'] as JsonObject | undefined;
  const pools = ((properties['agentPoolProfiles'] as readonly JsonObject[] | undefined) ?? []).map((pool) => ({
    ...pool,
    provisioningState: 'Succeeded',
    powerState: { code: 'Running' },
    currentOrchestratorVersion: patchOf(pool['orchestratorVersion'], live),
  }));
  return {
    top: {
      identity: { ...identity, principalId: fakeUuid(`${id}#controlplane#${generation}`), tenantId: 'tenant' },
    },
    properties: {
      provisioningState: 'Succeeded',
      powerState: { code: 'Running' },
      currentKubernetesVersion: live,
      fqdn: `${name}.eastus.azmk8s.io`,
      agentPoolProfiles: pools,
      identityProfile: profile ?? {
        kubeletidentity: {
          resourceId: `${id}-agentpool`,
          clientId: fakeUuid(`${id}#kubelet#client#${generation}`),
          objectId: fakeUuid(`${id}#kubelet#${generation}`),
        },
      },
      ...(valueAt(oidc, 'enabled') === true
        ? { oidcIssuerProfile: { enabled: true, issuerURL: `https://eastus.oic.prod-aks.azure.com/${fakeUuid(id)}/` } }
        : {}),
    },
  };
}

/** A pool as its cluster shows it. */
export function poolProfile(made: JsonObject): JsonObject {
  const properties = made['properties'] as JsonObject;
  const asked = properties['orchestratorVersion'];
  const live = asked === undefined ? {} : { currentOrchestratorVersion: patchOf(asked, '') };
  return { ...properties, ...live, name: made['name'] ?? '' };
}
