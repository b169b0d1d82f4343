import { Buffer } from 'node:buffer';

import { toUtf8 } from '@holdfast/base';
import type { MountedFile } from '@holdfast/secrets-store';

import type { PodObject, StringMap } from '../../controllers/objects.ts';
import { quantity } from '../../controllers/quantity.ts';
import type {
  ConfigMapSource,
  DownwardFile,
  DownwardSource,
  KeyToPath,
  ProjectedSource,
  ResourceField,
  SecretSource,
  TokenSource,
  VolumeObject,
} from './volume-objects.ts';

/** What volumes are made of. */
export interface VolumeSources {
  readonly pod: PodObject;
  /** The ConfigMap of a name in the pod's namespace, with values as bytes. */
  readonly configMap: (name: string) => ReadonlyMap<string, Uint8Array> | undefined;
  readonly secret: (name: string) => ReadonlyMap<string, Uint8Array> | undefined;
  /** A token of the pod's service account. */
  readonly token: (source: TokenSource) => Promise<string>;
}

/** Why a volume cannot be filled, in the words of kubelet. */
export class VolumeProblem extends Error {}

const DEFAULT_MODE = 0o644;

/**
 * The files of a configMap, secret, downwardAPI or projected volume.
 * @throws VolumeProblem for a source that is not there, and for a key that it does not have
 */
export async function volumeFiles(volume: VolumeObject, sources: VolumeSources): Promise<readonly MountedFile[]> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const defaultMode = (configMap ?? secret ?? downwardAPI ?? projected)?.defaultMode ?? DEFAULT_MODE;
  if (configMap !== undefined) return configMapFiles(configMap, defaultMode, sources);
  if (secret !== undefined) return secretFiles(secret, defaultMode, sources);
  if (downwardAPI !== undefined) return downwardFiles(downwardAPI, defaultMode, sources);
  const files: MountedFile[] = [];
  for (const source of projected?.sources ?? []) files.push(...(await projectedFiles(source, defaultMode, sources)));
  return files;
}

/** The values of a ConfigMap or Secret as the API has them. */
export function valuesOf(
  object: { readonly data?: StringMap; readonly binaryData?: StringMap } | undefined,
  text: 'utf8' | 'base64',
): ReadonlyMap<string, Uint8Array> | undefined {
  if (object === undefined) return undefined;
  return new Map([
    ...Object.entries(object.data ?? {}).map(([key, value]) => [key, Buffer.from(value, text)] as const),
    ...Object.entries(object.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ]);
}

async function projectedFiles(
  source: ProjectedSource,
  mode: number,
  sources: VolumeSources,
): Promise<readonly MountedFile[]> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) return configMapFiles(configMap, mode, sources);
  if (secret !== undefined) return secretFiles(secret, mode, sources);
  if (downwardAPI !== undefined) return downwardFiles(downwardAPI, mode, sources);
  if (serviceAccountToken === undefined) {
    throw new VolumeProblem(`a local cluster has no projected source ${Object.keys(source).join(', ')}`);
  }
  const contents = toUtf8(await sources.token(serviceAccountToken));
  return [{ path: serviceAccountToken.path, mode, contents }];
}

function configMapFiles(source: ConfigMapSource, mode: number, sources: VolumeSources): readonly MountedFile[] {
  const { name = '', optional = false, items } = source;
  const values = sources.configMap(name);
  if (values === undefined && !optional) throw new VolumeProblem(`configmap "${name}" not found`);
  return selected(values ?? new Map(), { items, optional, mode }, 'configmap references non-existent config key');
}

function secretFiles(source: SecretSource, mode: number, sources: VolumeSources): readonly MountedFile[] {
  const { optional = false, items } = source;
  const name = source.secretName ?? source.name ?? '';
  const values = sources.secret(name);
  if (values === undefined && !optional) throw new VolumeProblem(`secret "${name}" not found`);
  return selected(values ?? new Map(), { items, optional, mode }, 'references non-existent secret key');
}

/** All values, or those that items name. */
function selected(
  values: ReadonlyMap<string, Uint8Array>,
  wanted: { readonly items: readonly KeyToPath[] | undefined; readonly optional: boolean; readonly mode: number },
  problem: string,
): readonly MountedFile[] {
  const { items = [], optional, mode } = wanted;
  if (items.length === 0) return [...values].map(([path, contents]) => ({ path, mode, contents }));
  return items.flatMap((item) => {
    const contents = values.get(item.key);
    if (contents !== undefined) return [{ path: item.path, mode: item.mode ?? mode, contents }];
    if (optional) return [];
    throw new VolumeProblem(`${problem}: ${item.key}`);
  });
}

function downwardFiles({ items = [] }: DownwardSource, mode: number, { pod }: VolumeSources): readonly MountedFile[] {
  return items.map((item) => ({
    path: item.path,
    mode: item.mode ?? mode,
    contents: toUtf8(downwardText(item, pod)),
  }));
}

function downwardText({ fieldRef, resourceFieldRef }: DownwardFile, pod: PodObject): string {
  if (resourceFieldRef !== undefined) return resourceText(resourceFieldRef, pod);
  const path = fieldRef?.fieldPath ?? '';
  const { name, namespace = 'default', uid = '', labels = {}, annotations = {} } = pod.metadata;
  const [, map = '', key = ''] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? [];
  if (map !== '') return (map === 'labels' ? labels : annotations)[key] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': name,
    'metadata.namespace': namespace,
    'metadata.uid': uid,
    'metadata.labels': mapText(labels),
    'metadata.annotations': mapText(annotations),
  };
  const text = fields[path];
  if (text === undefined) throw new VolumeProblem(`unsupported fieldPath: ${path}`);
  return text;
}

/** One line for each entry, sorted, values in quotes. */
function mapText(map: StringMap): string {
  return Object.entries(map)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** A limit or a request of a container in units of the divisor, rounded up; 0 when the container names none. */
export function resourceText({ containerName, resource, divisor }: ResourceField, { spec }: PodObject): string {
  const container = spec.containers.find(({ name }) => name === containerName);
  if (container === undefined) throw new VolumeProblem(`container ${containerName ?? ''} not found`);
  const [kind = '', ...rest] = resource.split('.');
  const resources = container.resources as
    | Readonly<Record<string, Readonly<Record<string, string | number>>>>
    | undefined;
  const value = quantity(resources?.[kind]?.[rest.join('.')]);
  const unit = quantity(divisor);
  return String(Math.ceil(value / (unit === 0 ? 1 : unit)));
}
