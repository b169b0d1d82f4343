import { PlatformError } from '@holdfast/base';
import {
  decodeInitdata,
  effectiveInitdata,
  GLOBAL_INITDATA_KEY,
  INITDATA_ANNOTATION,
  LEGACY_INITDATA_ANNOTATION,
  recogniseInitdata,
} from '@holdfast/initdata';
import type { InitdataEncodingNote, InitdataForm, InitdataSources } from '@holdfast/initdata';
import type { ManifestStream, PodTemplate } from '@holdfast/policy';

import type { CliIo } from '../context.ts';
import { nameOf, readBytes, unreadable } from './read-bytes.ts';

export type InitdataCarrier = InitdataForm | 'annotation' | 'legacy-annotation' | 'config-map' | 'placeholder';

/** What people call the places and forms that initdata is found in. */
export const CARRIER_NAMES: Readonly<Record<InitdataCarrier, string>> = {
  document: 'document',
  base64: 'Base64 of a gzip',
  gzip: 'gzip',
  'block-device': 'block device',
  annotation: 'pod annotation',
  'legacy-annotation': 'pod annotation of older releases',
  'config-map': 'config map',
  placeholder: 'placeholder of the guest',
};

/** Initdata that an input holds. */
export interface InitdataItem {
  /** Such as `pod.yaml, Pod web`. */
  readonly where: string;
  readonly carrier: InitdataCarrier;
  /** Undefined where it cannot be decoded. */
  readonly document: string | undefined;
  readonly notes: readonly InitdataEncodingNote[];
  /** Why there is no document. */
  readonly problem?: PlatformError;
  /** Why a pod starts with this one. */
  readonly reasons?: readonly string[];
}

/**
 * The initdata of an input: one of a document in any form, one of each pod and config map of manifests.
 * @throws RequestError INPUT_UNREADABLE, INPUT_MISSING
 * @throws MalformedError MANIFEST_… for manifests that cannot be read
 */
export async function readInitdataItems(io: CliIo, path: string): Promise<readonly InitdataItem[]> {
  const bytes = await readBytes(io, path);
  const name = nameOf(path);
  if (!looksLikeManifests(bytes)) return [itemOf(name, 'document', () => recogniseInitdata(bytes))];
  const { pods, configMaps } = await manifestSources(bytes, name);
  const items = [
    ...pods.flatMap(podItem),
    ...configMaps.map(({ where, value }) => encodedItem(where, 'config-map', value)),
  ];
  if (items.length === 0) throw unreadable(name, `no pod has the annotation ${INITDATA_ANNOTATION}`);
  return items;
}

/**
 * What each pod of manifests starts with when `globalPath` is the config map of peer pods, or its encoded value.
 * @throws RequestError INPUT_UNREADABLE, INPUT_MISSING
 */
export async function readEffectiveItems(
  io: CliIo,
  path: string,
  globalPath: string,
): Promise<readonly InitdataItem[]> {
  const { pods } = await manifestSources(await readBytes(io, path), nameOf(path));
  if (pods.length === 0) throw unreadable(nameOf(path), 'its documents start no pods');
  const global = await readGlobal(io, globalPath);
  return pods.map(({ where, sources }) => {
    try {
      const { source, document, reasons } = effectiveInitdata({ ...sources, global });
      const carrier = source === 'global' ? 'config-map' : source;
      return { where, carrier, document, notes: [], reasons };
    } catch (problem) {
      if (!(problem instanceof PlatformError)) throw problem;
      const carrier = problem.details['carrier'] === GLOBAL_INITDATA_KEY ? 'config-map' : 'annotation';
      return { where, carrier, document: undefined, notes: [], problem };
    }
  });
}

async function readGlobal(io: CliIo, path: string): Promise<string> {
  const bytes = await readBytes(io, path);
  if (!looksLikeManifests(bytes)) return Buffer.from(bytes).toString('utf8').trim();
  const { configMaps } = await manifestSources(bytes, nameOf(path));
  if (configMaps.length > 1) throw unreadable(nameOf(path), `several config maps have ${GLOBAL_INITDATA_KEY}`);
  return configMaps[0]?.value ?? '';
}

interface PodSources {
  readonly where: string;
  readonly sources: Pick<InitdataSources, 'annotation' | 'legacyAnnotation'>;
}

interface ManifestSources {
  readonly pods: readonly PodSources[];
  readonly configMaps: readonly { readonly where: string; readonly value: string }[];
}

async function manifestSources(bytes: Uint8Array, name: string): Promise<ManifestSources> {
  const { manifestResources, podAnnotation, podTemplates, readManifests } = await import('@holdfast/policy');
  const stream = readManifests(bytes);
  const pods = podTemplates(stream).map((template) => ({
    where: whereOf(name, template.resource),
    sources: {
      annotation: podAnnotation(template, INITDATA_ANNOTATION),
      legacyAnnotation: podAnnotation(template, LEGACY_INITDATA_ANNOTATION),
    },
  }));
  const configMaps = manifestResources(stream)
    .filter(({ kind }) => kind === 'ConfigMap')
    .flatMap((resource) => {
      const data = resource.value['data'] as Readonly<Record<string, unknown>> | null | undefined;
      const value = data?.[GLOBAL_INITDATA_KEY];
      return typeof value === 'string' ? [{ where: whereOf(name, resource), value }] : [];
    });
  return { pods, configMaps };
}

/** The stream and pods of manifests, to edit them. */
export async function readPods(
  io: CliIo,
  path: string,
): Promise<{ readonly stream: ManifestStream; readonly templates: readonly PodTemplate[] }> {
  const { podTemplates, readManifests } = await import('@holdfast/policy');
  const stream = readManifests(await readBytes(io, path));
  const templates = podTemplates(stream);
  if (templates.length === 0) throw unreadable(nameOf(path), 'its documents start no pods');
  return { stream, templates };
}

function whereOf(file: string, resource: { readonly kind: string; readonly name: string | undefined }): string {
  return `${file}, ${resource.kind} ${resource.name ?? ''}`.trimEnd();
}

function podItem({ where, sources }: PodSources): readonly InitdataItem[] {
  const { annotation = '', legacyAnnotation = '' } = sources;
  if (annotation !== '') return [encodedItem(where, 'annotation', annotation)];
  return legacyAnnotation === '' ? [] : [encodedItem(where, 'legacy-annotation', legacyAnnotation)];
}

function encodedItem(where: string, carrier: InitdataCarrier, value: string): InitdataItem {
  return itemOf(where, carrier, () => ({ form: carrier, ...decodeInitdata(value) }));
}

interface Decoded {
  readonly form: InitdataCarrier;
  readonly document: string;
  readonly notes: readonly InitdataEncodingNote[];
}

function itemOf(where: string, carrier: InitdataCarrier, decode: () => Decoded): InitdataItem {
  try {
    const { form, document, notes } = decode();
    return { where, carrier: form, document, notes };
  } catch (problem) {
    if (!(problem instanceof PlatformError)) throw problem;
    return { where, carrier, document: undefined, notes: [], problem };
  }
}

/** Manifests begin with a key and a colon, a brace, or a mark; documents with a key and an equals sign, or a table. */
export function looksLikeManifests(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 64 * 1024)).toString('utf8');
  const line = start.split('\n').find((candidate) => !/^\s*(?:#.*)?$/u.test(candidate)) ?? '';
  return /^(?:---|%YAML|\s*\{|\s*["']?[A-Za-z]+["']?\s*:(?:\s|$))/u.test(line);
}
