import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { configSchema as nmiSettings, controllerConfigSchema } from '@holdfast/pod-identity';
import { configSchema as webhookSettings } from '@holdfast/webhook';
import { parseAllDocuments } from 'yaml';
import { describe, expect, it } from 'vitest';

import { createClusterStore, createRbacAuthorizer } from '../../../src/kubernetes/api/index.ts';
import type { ClusterStore, ObjectInput } from '../../../src/kubernetes/api/index.ts';

const FOLDER = fileURLToPath(new URL('../../../../deploy/identity/', import.meta.url));
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

interface Container {
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string }[];
  readonly livenessProbe?: { readonly httpGet: { readonly port: number | string } };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
}

function objectsOf(file: string): readonly ObjectInput[] {
  return parseAllDocuments(readFileSync(`${FOLDER}${file}`, 'utf8')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as ObjectInput;
  });
}

/** A cluster in which the manifests are applied; it validates them as an API server does. */
function appliedStore(file: string): { readonly store: ClusterStore; readonly objects: readonly ObjectInput[] } {
  const store = createClusterStore({ clock: Date.now, randomBytes });
  const objects = objectsOf(file);
  for (const object of objects) store.apply(object, { fieldManager: 'test' });
  return { store, objects };
}

function podSpecsOf(objects: readonly ObjectInput[]): readonly PodSpec[] {
  return objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'DaemonSet')
    .map((object) => (object['spec'] as { readonly template: { readonly spec: PodSpec } }).template.spec);
}

describe.each(FILES)('deploy/identity/%s', (file) => {
  it('is taken by an API server, twice', () => {
    const { store, objects } = appliedStore(file);
    for (const object of objects) store.apply(object, { fieldManager: 'test' });
    expect(objects.length).toBeGreaterThan(1);
  });

  it('names only accounts, ConfigMaps, volumes and ports that it has', () => {
    const { objects } = appliedStore(file);
    const has = (kind: string, name: string): boolean =>
      objects.some((object) => object.kind === kind && object.metadata.name === name);
    const specs = podSpecsOf(objects);
    expect(specs).toHaveLength(1);
    for (const { serviceAccountName, containers, volumes = [] } of specs) {
      expect(has('ServiceAccount', serviceAccountName)).toBe(true);
      for (const { configMap } of volumes)
        if (configMap !== undefined) expect(has('ConfigMap', configMap.name)).toBe(true);
      for (const { volumeMounts = [], livenessProbe, ports = [] } of containers) {
        for (const { name } of volumeMounts) expect(volumes.map((volume) => volume.name)).toContain(name);
        const port = livenessProbe?.httpGet.port;
        expect(ports.flatMap((one) => [one.name, one.containerPort])).toContain(port);
      }
    }
  });

  it('gives its service settings that the service takes', () => {
    const { objects } = appliedStore(file);
    const schemas: Readonly<Record<string, { readonly safeParse: (value: unknown) => { readonly error?: unknown } }>> =
      {
        webhook: webhookSettings.strict(),
        'pod-identity': nmiSettings.strict(),
        'pod-identity-controller': controllerConfigSchema.strict(),
      };
    for (const { args, env = [] } of podSpecsOf(objects).flatMap(({ containers }) => containers)) {
      expect(args[0]).toBe('serve');
      const schema = schemas[args[1] ?? ''];
      if (schema === undefined) continue;
      const data = objects
        .filter(({ kind }) => kind === 'ConfigMap')
        .flatMap((object) => Object.values(object['data'] as Readonly<Record<string, string>>));
      const fromFiles = Object.assign({}, ...data.map((text) => JSON.parse(text) as object)) as object;
      const fromEnv = Object.fromEntries(env.map(({ name, value }) => [name, value ?? 'from-the-pod']));
      expect(schema.safeParse({ ...fromFiles, ...fromEnv }).error).toBeUndefined();
    }
  });
});

describe('the rights in deploy/identity', () => {
  const may = (
    file: string,
    account: string,
    verb: string,
    resource: string,
    group = '',
    namespace?: string,
  ): boolean => {
    const authorize = createRbacAuthorizer(appliedStore(file).store);
    const [place = '', name = ''] = account.split('/');
    const user = { username: `system:serviceaccount:${place}:${name}`, groups: ['system:serviceaccounts'] };
    return authorize(user, { verb, group, resource, subresource: undefined, namespace, name: undefined });
  };

  it('are those that the webhook needs, and no Secrets of others', () => {
    const account = 'azure-workload-identity-system/azure-wi-webhook-admin';
    const asks = (verb: string, resource: string, group?: string, namespace?: string): boolean =>
      may('webhook.yaml', account, verb, resource, group, namespace);
    expect(asks('watch', 'serviceaccounts')).toBe(true);
    expect(asks('create', 'mutatingwebhookconfigurations', 'admissionregistration.k8s.io')).toBe(true);
    expect(asks('update', 'secrets', '', 'azure-workload-identity-system')).toBe(true);
    expect(asks('get', 'secrets', '', 'default')).toBe(false);
  });

  it('let the server of a node read, and the controller write assignments and events', () => {
    const nmi = 'kube-system/aad-pod-id-nmi-service-account';
    const mic = 'kube-system/aad-pod-id-mic-service-account';
    const group = 'aadpodidentity.k8s.io';
    expect(may('pod-identity-nmi.yaml', nmi, 'list', 'azureidentitybindings', group, 'default')).toBe(true);
    expect(may('pod-identity-nmi.yaml', nmi, 'update', 'azureidentitybindings', group, 'default')).toBe(false);
    expect(may('pod-identity-controller.yaml', mic, 'update', 'azureassignedidentities', group, 'default')).toBe(true);
    expect(may('pod-identity-controller.yaml', mic, 'create', 'events', '', 'default')).toBe(true);
    expect(may('pod-identity-controller.yaml', mic, 'get', 'secrets', '', 'default')).toBe(false);
  });
});
