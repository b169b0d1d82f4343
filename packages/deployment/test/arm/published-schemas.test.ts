import { describe, expect, it } from 'vitest';

import { apiVersions } from '../../src/graph/api-versions.ts';
import { buildGraph, exportDeployment } from '../../src/index.ts';
import type { DeploymentConfig, JsonObject } from '../../src/index.ts';
import { configOf, resolved } from '../configs.ts';
import { PublishedSchemas, schemasFolder } from './published-schemas.ts';
import { violations } from './validate-strictly.ts';
import type { Violation } from './validate-strictly.ts';

const folder = schemasFolder();
const published = new PublishedSchemas(folder ?? '');

const variants: readonly (readonly [name: string, config: DeploymentConfig])[] = [
  ['uid2-vn2', configOf('uid2-vn2')],
  ['uid2-vn2 preprovisioned', configOf('uid2-vn2', 'aks: {identityMode: preprovisioned}\n')],
  ['kata-cc', configOf('kata-cc', 'attestation: {endpoint: {provider: maa, create: true}}\n')],
  ['kata-cc with SSH', configOf('kata-cc', 'cluster: {sshPublicKey: ssh-ed25519 AAAA}\n')],
  ['kata-cc adopted', configOf('kata-cc', 'cluster: {mode: adopt}\nvault: {name: hsm1, kind: managedHsm}\n')],
  ['peer-pods', configOf('peer-pods')],
  ['peer-pods in the worker subnet', configOf('peer-pods', 'network: {peerPods: {mode: workerSubnet}}\n')],
  ['private-link', configOf('private-link')],
];

/** A resource as it stands in a template, or as it is written directly. */
function inResource(resource: JsonObject): readonly Violation[] {
  const { dependsOn, scope, ...own } = resource;
  const { type, apiVersion, name } = own as { type: string; apiVersion: string; name: string };
  const found = published.resource(type, apiVersion);
  if (found === undefined) return [{ path: type, problem: `has no published schema in ${apiVersion}` }];
  expect([typeof (scope ?? ''), Array.isArray(dependsOn ?? [])]).toEqual(['string', true]);
  // Schemas describe the last part of the name; a template writes those of the parents in front. And they call the properties
  // required even where none of them is.
  const empty = found.schema.required?.includes('properties') === true ? { properties: {} } : {};
  const whole = { ...empty, ...own, name: name.split('/').at(-1) ?? name };
  return violations(published, found, whole).filter((each) => !isPreviewOnly(each));
}

/** The guide's own value, which no published version lists, previews included: Azure takes it as a text. */
function isPreviewOnly({ path, problem }: Violation): boolean {
  return path.endsWith('.workloadRuntime') && problem.startsWith('is "KataCcIsolation", not one of');
}

/** Every template of a configuration, that of its alerts included. */
function templatesOf(config: DeploymentConfig): readonly JsonObject[] {
  return [...exportDeployment(config, resolved).files]
    .filter(([path, text]) => path.endsWith('.json') && /eploymentTemplate\.json#/.test(text))
    .map(([, text]) => JSON.parse(text) as JsonObject);
}

function resourceNamed(templates: readonly JsonObject[], type: string): JsonObject {
  const all = templates.flatMap((template) => template['resources'] as readonly JsonObject[]);
  const found = all.find((resource) => resource['type'] === type);
  if (found === undefined) throw new Error(`there is no ${type}`);
  return found;
}

describe.skipIf(folder === undefined)('the published schemas of Azure Resource Manager', () => {
  it.each(variants)('hold every resource of the templates of %s, name by name', (_name, config) => {
    const templates = templatesOf(config);
    const all = templates.flatMap((template) => template['resources'] as readonly JsonObject[]);
    expect(all.length).toBeGreaterThan(0);
    expect(all.flatMap((one) => inResource(one).map((each) => ({ type: one['type'], ...each })))).toEqual([]);
  });

  it.each(variants)('hold the templates of %s themselves', (_name, config) => {
    for (const template of templatesOf(config)) {
      const { resources: _, ...own } = template;
      const at = (template['$schema'] as string).replace(/^https:\/\/[^/]+\/schemas\/(.*)#$/, '$1');
      const file = published.file(at);
      expect(violations(published, { schema: file, file }, { ...own, resources: [] })).toEqual([]);
    }
  });

  it('hold what is written into resources of others', () => {
    const merged = variants.flatMap(([, config]) =>
      buildGraph(config, resolved).nodes.flatMap((node) => (node.kind === 'arm' && node.merge === true ? [node] : [])),
    );
    expect(merged.map(({ id }) => id)).toEqual(['K-AKS', 'P-SUBNET']);
    for (const { type, apiVersion, name, body } of merged) {
      const found = inResource({ type, apiVersion, name, ...body });
      // What else such a resource needs is there already.
      expect(found.filter(({ problem }) => !problem.startsWith('lacks '))).toEqual([]);
    }
  });

  it('know every version that is written with', () => {
    for (const [type, apiVersion] of Object.entries(apiVersions)) {
      expect([type, apiVersion, published.resource(type, apiVersion) !== undefined]).toEqual([type, apiVersion, true]);
    }
  });

  it('do not hold a property that is misspelt, missing, of another type or with another value', () => {
    const templates = templatesOf(configOf('uid2-vn2'));
    const cluster = resourceNamed(templates, 'Microsoft.ContainerService/managedClusters');
    const properties = cluster['properties'] as JsonObject;
    const [pool] = properties['agentPoolProfiles'] as readonly JsonObject[];
    const wrong: readonly (readonly [JsonObject, path: string])[] = [
      [{ ...properties, enableRbac: true }, 'properties.enableRbac'],
      [{ ...properties, agentPoolProfiles: [{ ...pool, maxPod: 30 }] }, 'properties.agentPoolProfiles[0].maxPod'],
      [{ ...properties, agentPoolProfiles: [{ ...pool, count: '2' }] }, 'properties.agentPoolProfiles[0].count'],
      [
        { ...properties, autoUpgradeProfile: { upgradeChannel: 'weekly' } },
        'properties.autoUpgradeProfile.upgradeChannel',
      ],
      [{ ...properties, networkProfile: { dnsServiceIp: '10.4.0.10' } }, 'properties.networkProfile.dnsServiceIp'],
    ];
    expect(inResource(cluster)).toEqual([]);
    for (const [changed, path] of wrong) {
      expect(inResource({ ...cluster, properties: changed }).map((each) => each.path)).toEqual([path]);
    }
    const network = resourceNamed(templates, 'Microsoft.Network/virtualNetworks');
    const text = JSON.stringify(network).replace('"natGateway"', '"natGateways"');
    expect(inResource(JSON.parse(text) as JsonObject).map((each) => each.path)).toEqual([
      'properties.subnets[2].properties.natGateways',
    ]);
    const secret = resourceNamed(templates, 'Microsoft.KeyVault/vaults/secrets');
    expect(inResource({ ...secret, properties: 'text' }).map((each) => each.path)).toEqual(['properties']);
  });
});
