import { stringify } from 'yaml';

import type { JsonValue } from '../arm/template.ts';

/** A Kubernetes object as it is sent to the API server. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [member: string]: unknown;
}

/** Objects that are applied together under one field manager. */
export interface ManifestSet {
  /** Id in the graph. */
  readonly id: string;
  readonly file: string;
  readonly title: string;
  readonly fieldManager: string;
  readonly objects: readonly KubernetesObject[];
  /** Names of objects that are created and never changed afterwards, as `Kind/name`. */
  readonly createOnly: readonly string[];
  /** What whoever applies them must know or do first. */
  readonly notes: readonly string[];
}

/** The objects as one YAML text, with a comment in front. Same input, same bytes. */
export function manifestYaml(
  set: Pick<ManifestSet, 'title' | 'notes' | 'objects'>,
  header: readonly string[] = [],
): string {
  const comments = [set.title, ...header, ...set.notes].map((line) => `# ${line}\n`).join('');
  const documents = set.objects.map((object) =>
    stringify(object, { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false }),
  );
  return `${comments}${documents.join('---\n')}`;
}

/** An object with its members in alphabetical order, everywhere: for comparisons and digests. */
export function sortedJson(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(sortedJson);
  if (typeof value !== 'object' || value === null) return (value ?? null) as JsonValue;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, sortedJson(member)]));
}
