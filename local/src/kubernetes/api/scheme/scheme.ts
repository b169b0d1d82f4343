import type { ClusterObject, KindReference, ObjectInput } from '../objects.ts';
import type { ResourceName, StatusCause } from '../status.ts';
import { builtInKinds } from './kinds.ts';
import type { Schema } from './schema.ts';

export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: number;
  readonly cell: (object: ClusterObject, now: number) => unknown;
}

/** One kind in one version, as discovery shows it and as the store treats it. */
export interface KindInfo extends ResourceName {
  readonly version: string;
  readonly apiVersion: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly subresources: readonly string[];
  /** Reviews are answered and never kept. */
  readonly transient: boolean;
  /** Version that objects are kept in; the others are views of the same objects. */
  readonly storageVersion: string;
  /** Whether `metadata.generation` counts changes of the specification. */
  readonly generation: boolean;
  readonly schema: Schema;
  readonly columns: readonly TableColumn[];
  /** Shown to clients that use this version, when it is an outdated one. */
  readonly deprecation?: string | undefined;
  /** Fills in what the API server fills in. May change the object. */
  readonly defaults?: ((object: Record<string, unknown>) => void) | undefined;
  readonly validate?:
    | ((object: ObjectInput, previous: ClusterObject | undefined) => readonly StatusCause[])
    | undefined;
}

/** All kinds of a cluster: the built-in ones and those that CustomResourceDefinitions add. */
export interface Scheme {
  /** By kind; any served version. */
  kind(reference: KindReference): KindInfo | undefined;
  /** By path: group (empty for core), version, plural. */
  resource(group: string, version: string, plural: string): KindInfo | undefined;
  all(): readonly KindInfo[];
  /** Goes up with every change of the custom kinds. */
  readonly revision: number;
  /** The kinds of one definition; replaces those of before. */
  setCustom(definition: string, kinds: readonly KindInfo[]): void;
  removeCustom(definition: string): void;
}

export function createScheme(): Scheme {
  const custom = new Map<string, readonly KindInfo[]>();
  let byKind = new Map<string, KindInfo>();
  let byResource = new Map<string, KindInfo>();
  let revision = 0;
  const rebuild = (): void => {
    byKind = new Map();
    byResource = new Map();
    // Built-in kinds last: a definition cannot take their place.
    for (const info of [...[...custom.values()].flat(), ...builtInKinds()]) {
      byKind.set(`${info.apiVersion}|${info.kind}`, info);
      byResource.set(`${info.apiVersion}|${info.plural}`, info);
    }
    revision += 1;
  };
  rebuild();
  return {
    kind: ({ apiVersion, kind }) => byKind.get(`${apiVersion}|${kind}`),
    resource: (group, version, plural) => byResource.get(`${group === '' ? version : `${group}/${version}`}|${plural}`),
    all: () => [...byKind.values()],
    get revision() {
      return revision;
    },
    setCustom: (definition, kinds) => {
      custom.set(definition, kinds);
      rebuild();
    },
    removeCustom: (definition) => {
      if (custom.delete(definition)) rebuild();
    },
  };
}
