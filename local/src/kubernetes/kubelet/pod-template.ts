import { Buffer } from 'node:buffer';

import { parseManifest } from '../../virtual-node/manifest.ts';
import type { PodRuntime, PodTemplate } from '../../virtual-node/manifest.ts';
import type { ContainerObject, PodObject, StringMap } from '../controllers/objects.ts';
import { resourceText } from './volumes/volume-files.ts';
import type { ResourceField } from './volumes/volume-objects.ts';

/** What the variables of containers take their values from. */
export interface PodSources {
  /** Data of a ConfigMap in the pod's namespace; undefined when there is none of that name. */
  readonly configMap: (name: string) => StringMap | undefined;
  /** Data of a Secret in the pod's namespace, Base64 as it is stored. */
  readonly secret: (name: string) => StringMap | undefined;
  readonly podIp: string;
  readonly hostIp: string;
}

/** Why a container's configuration cannot be made. */
export interface ConfigurationProblem {
  readonly container: string;
  readonly message: string;
}

type Json = Readonly<Record<string, unknown>>;

class MissingSource extends RangeError {}

/**
 * What the virtual node is to run for a pod of the API: variables with their values, named ports as numbers.
 * @param runtimes The kinds of guests of the node.
 * @throws MalformedError MANIFEST_INVALID for what the virtual node does not run
 */
export function podTemplate(
  pod: PodObject,
  sources: PodSources,
  runtimes: readonly PodRuntime[],
): { readonly template: PodTemplate } | { readonly problem: ConfigurationProblem } {
  const containers: unknown[] = [];
  for (const container of pod.spec.containers) {
    try {
      containers.push({ ...withPortNumbers(container), env: variables(container, pod, sources) });
    } catch (error) {
      if (!(error instanceof MissingSource)) throw error;
      return { problem: { container: container.name, message: error.message } };
    }
  }
  const { name, namespace, labels, annotations } = pod.metadata;
  const metadata = { name, namespace, labels: labels ?? {}, annotations: annotations ?? {} };
  const asked = { apiVersion: 'v1', kind: 'Pod', metadata };
  const template = parseManifest(JSON.stringify({ ...asked, spec: { ...pod.spec, containers } }));
  // A Kata runtime makes its requests of what was applied, with references instead of values.
  const resources = [{ ...asked, spec: pod.spec }, ...referenced(pod, sources)];
  return {
    template: {
      ...template,
      runtime: runtimes.includes(template.runtime) ? template.runtime : 'node',
      resources: resources.map((object) => JSON.stringify(object)).join('\n---\n'),
    },
  };
}

function variables(
  container: ContainerObject,
  pod: PodObject,
  sources: PodSources,
): readonly { readonly name: string; readonly value: string }[] {
  const values = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    const prefix = typeof source['prefix'] === 'string' ? source['prefix'] : '';
    for (const [name, value] of Object.entries(allOf(source, sources))) values.set(`${prefix}${name}`, value);
  }
  for (const variable of container.env ?? []) {
    const value = valueOf(variable, container, pod, sources);
    if (value !== undefined) values.set(String(variable['name']), value);
  }
  return [...values].map(([name, value]) => ({ name, value }));
}

function allOf(source: Json, sources: PodSources): StringMap {
  const map = source['configMapRef'] as { readonly name: string; readonly optional?: boolean } | undefined;
  if (map !== undefined) return found('configmap', map, sources.configMap(map.name)) ?? {};
  const secret = source['secretRef'] as { readonly name: string; readonly optional?: boolean } | undefined;
  if (secret === undefined) return {};
  const data = found('secret', secret, sources.secret(secret.name)) ?? {};
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, decoded(value)]));
}

function valueOf(variable: Json, owner: ContainerObject, pod: PodObject, sources: PodSources): string | undefined {
  const from = variable['valueFrom'] as Json | undefined;
  if (from === undefined) return typeof variable['value'] === 'string' ? variable['value'] : '';
  const field = from['fieldRef'] as { readonly fieldPath: string } | undefined;
  if (field !== undefined) return fieldValue(field.fieldPath, pod, sources);
  const resource = from['resourceFieldRef'] as ResourceField | undefined;
  if (resource !== undefined) return resourceText({ containerName: owner.name, ...resource }, pod);
  const map = from['configMapKeyRef'] as KeyReference | undefined;
  if (map !== undefined) return keyed('configmap', map, sources.configMap(map.name), pod);
  const secret = from['secretKeyRef'] as KeyReference | undefined;
  if (secret === undefined) return '';
  const value = keyed('secret', secret, sources.secret(secret.name), pod);
  return value === undefined ? undefined : decoded(value);
}

interface KeyReference {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}

function keyed(
  kind: 'configmap' | 'secret',
  reference: KeyReference,
  data: StringMap | undefined,
  { metadata: { namespace = 'default' } }: PodObject,
): string | undefined {
  const value = found(kind, reference, data)?.[reference.key];
  if (value === undefined && reference.optional !== true) {
    const owner = kind === 'secret' ? 'Secret' : 'ConfigMap';
    throw new MissingSource(`couldn't find key ${reference.key} in ${owner} ${namespace}/${reference.name}`);
  }
  return value;
}

function found(
  kind: string,
  { name, optional }: { readonly name: string; readonly optional?: boolean },
  data: StringMap | undefined,
): StringMap | undefined {
  if (data === undefined && optional !== true) throw new MissingSource(`${kind} "${name}" not found`);
  return data;
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

function fieldValue(path: string, { metadata, spec }: PodObject, { podIp, hostIp }: PodSources): string {
  const [, kind = '', key = ''] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? [];
  if (kind === 'labels') return metadata.labels?.[key] ?? '';
  if (kind === 'annotations') return metadata.annotations?.[key] ?? '';
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName ?? 'default',
    'status.podIP': podIp,
    'status.podIPs': podIp,
    'status.hostIP': hostIp,
    'status.hostIPs': hostIp,
  };
  return fields[path] ?? '';
}

/** Probes may name a port; the virtual node knows numbers. */
function withPortNumbers(container: ContainerObject): Json {
  const probe = container.readinessProbe;
  const http = probe?.['httpGet'] as { readonly port?: number | string } | undefined;
  if (typeof http?.port !== 'string') return { ...container };
  const port = container.ports?.find(({ name }) => name === http.port)?.containerPort ?? Number(http.port);
  return { ...container, readinessProbe: { ...probe, httpGet: { ...http, port } } };
}

/** The ConfigMaps and Secrets that the containers name, as objects. */
function referenced(pod: PodObject, sources: PodSources): readonly Json[] {
  const { namespace } = pod.metadata;
  const names = { ConfigMap: new Set<string>(), Secret: new Set<string>() };
  for (const { env = [], envFrom = [] } of pod.spec.containers) {
    const froms = [...env.map((variable) => variable['valueFrom'] as Json | undefined), ...envFrom];
    for (const from of froms) {
      const map = (from?.['configMapKeyRef'] ?? from?.['configMapRef']) as { readonly name: string } | undefined;
      const secret = (from?.['secretKeyRef'] ?? from?.['secretRef']) as { readonly name: string } | undefined;
      if (map !== undefined) names.ConfigMap.add(map.name);
      if (secret !== undefined) names.Secret.add(secret.name);
    }
  }
  const objects = (kind: 'ConfigMap' | 'Secret', data: (name: string) => StringMap | undefined): readonly Json[] =>
    [...names[kind]].map((name) => ({ apiVersion: 'v1', kind, metadata: { name, namespace }, data: data(name) ?? {} }));
  return [...objects('ConfigMap', sources.configMap), ...objects('Secret', sources.secret)];
}
