import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { vectorsFolder } from '@holdfast/base/testing';

/** What is used of JSON Schema draft 4 in the published schemas. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly $ref?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

export interface SchemaFile extends Schema {
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly resourceDefinitions?: Readonly<Record<string, Schema>>;
  readonly subscription_resourceDefinitions?: Readonly<Record<string, Schema>>;
}

/** A schema and the file in which its references are looked up. */
export interface PlacedSchema {
  readonly schema: Schema;
  readonly file: SchemaFile;
}

/**
 * The folder `schemas` of a checkout of https://github.com/Azure/azure-resource-manager-schemas: `HOLDFAST_ARM_SCHEMAS`, or
 * `arm-schemas` beside the other known answers. Undefined when there is none.
 */
export function schemasFolder(): string | undefined {
  const beside = vectorsFolder();
  const root = process.env['HOLDFAST_ARM_SCHEMAS'] ?? (beside === undefined ? undefined : join(beside, 'arm-schemas'));
  if (root === undefined) return undefined;
  return [join(root, 'schemas'), root].find((folder) => existsSync(join(folder, 'common', 'definitions.json')));
}

/** The published schemas, each file read once. */
export class PublishedSchemas {
  readonly #folder: string;
  readonly #files = new Map<string, SchemaFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A file by its path under `schemas`. */
  file(path: string): SchemaFile {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const read = JSON.parse(readFileSync(join(this.#folder, path), 'utf8')) as SchemaFile;
    this.#files.set(path, read);
    return read;
  }

  /** The schema of a type in a version of its interface; undefined when none is published. */
  resource(type: string, apiVersion: string): PlacedSchema | undefined {
    const provider = (type.split('/', 1)[0] ?? '').toLowerCase();
    const folder = join(this.#folder, apiVersion);
    if (!existsSync(folder)) return undefined;
    for (const name of readdirSync(folder)) {
      // A provider's resources stand in one or more files: Microsoft.Network.json, Microsoft.Network.NRP.json.
      if (!name.toLowerCase().startsWith(`${provider}.`)) continue;
      const file = this.file(`${apiVersion}/${name}`);
      const schemas = { ...file.resourceDefinitions, ...file.subscription_resourceDefinitions };
      const found = Object.values(schemas).find(({ properties }) => properties?.['type']?.enum?.includes(type));
      if (found !== undefined) return { schema: found, file };
    }
    return undefined;
  }

  /** Follows a reference, within its file or into another published one. */
  follow(ref: string, file: SchemaFile): PlacedSchema {
    const [where = '', pointer = ''] = ref.split('#', 2);
    const target = where === '' ? file : this.file(where.replace(/^https?:\/\/[^/]+\/schemas\//, ''));
    const schema = pointer
      .split('/')
      .slice(1)
      .reduce<unknown>((at, name) => (at as Readonly<Record<string, unknown>> | undefined)?.[name], target);
    if (schema === undefined) throw new Error(`the published schemas do not hold ${ref}`);
    return { schema: schema as Schema, file: target };
  }
}
