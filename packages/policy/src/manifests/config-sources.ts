import { fromBase64, fromUtf8, MalformedError } from '@holdfast/base';

import { asObject, type JsonObject } from './json-value.ts';
import { type ManifestResource, manifestResources } from './pod-template.ts';
import type { ManifestStream } from './yaml-stream.ts';

/** A ConfigMap or Secret of a stream, as a source of values. */
export interface ConfigSource {
  readonly name: string;
  readonly resource: ManifestResource;
  /**
   * The text under a key, undefined when the key is missing. A ConfigMap answers from `data`, then decoded
   * `binaryData`; a Secret from decoded `data`, then `stringData`.
   * @throws MalformedError MANIFEST_CONFIG_INVALID when the value is no text, no Base64, or decodes to bytes that are
   * not UTF-8
   */
  readonly value: (key: string) => string | undefined;
  /** All keys, sorted by code unit. */
  readonly keys: readonly string[];
}

/**
 * The ConfigMaps and Secrets of a stream by `metadata.name`; of two with one name the last counts. Namespaces are
 * ignored.
 */
export interface ConfigSources {
  readonly configMaps: ReadonlyMap<string, ConfigSource>;
  readonly secrets: ReadonlyMap<string, ConfigSource>;
}

/** Collects the ConfigMaps and Secrets of one or more streams. */
export function configSources(...streams: readonly ManifestStream[]): ConfigSources {
  const configMaps = new Map<string, ConfigSource>();
  const secrets = new Map<string, ConfigSource>();
  for (const resource of streams.flatMap((stream) => manifestResources(stream))) {
    if (resource.name === undefined) continue;
    if (resource.kind === 'ConfigMap') {
      configMaps.set(resource.name, source(resource, resource.name, ['data', text], ['binaryData', decoded]));
    } else if (resource.kind === 'Secret') {
      secrets.set(resource.name, source(resource, resource.name, ['data', decoded], ['stringData', text]));
    }
  }
  return { configMaps, secrets };
}

type Read = (value: unknown, where: string) => string;

function source(
  resource: ManifestResource,
  name: string,
  ...members: readonly (readonly [string, Read])[]
): ConfigSource {
  const value = (key: string): string | undefined => {
    for (const [member, read] of members) {
      const values: JsonObject = asObject(resource.value[member]) ?? {};
      if (Object.hasOwn(values, key)) return read(values[key], `${member}.${key} of the ${resource.kind} ${name}`);
    }
    return undefined;
  };
  const keys = new Set(members.flatMap(([member]) => Object.keys(asObject(resource.value[member]) ?? {})));
  return { name, resource, value, keys: [...keys].toSorted() };
}

function text(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  throw new MalformedError('MANIFEST_CONFIG_INVALID', `${where} is not text: put it in quotes`);
}

function decoded(value: unknown, where: string): string {
  try {
    return fromUtf8(fromBase64(text(value, where).replaceAll(/\s/g, '')));
  } catch (cause) {
    throw new MalformedError('MANIFEST_CONFIG_INVALID', `${where} is not Base64 of UTF-8 text`, { cause });
  }
}
