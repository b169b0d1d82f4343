import { isMap, stringAt, valueAt } from '../objects.ts';
import type { Schema } from '../scheme/schema.ts';
import { StatusError } from '../status.ts';
import {
  difference,
  equalSets,
  fieldElement,
  intersection,
  membersFirst,
  showPath,
  union,
  withoutPrefixes,
} from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { ownable, sameManager } from './managed-fields.ts';
import type { Manager } from './managed-fields.ts';
import { assertTypedPatch } from './typed-patch.ts';
import { compareValues, fieldsOf, mergeValues, pruneValues } from './typed-value.ts';
import type { Comparison } from './typed-value.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Who writes, through which endpoint, and when. */
export interface Writer {
  readonly name: string;
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339. */
  readonly time: string;
  /** Members of the object that this endpoint does not write, such as `status`. */
  readonly notWritten: readonly string[];
}

export interface ApplyRequest {
  readonly schema: Schema;
  /** The object as it is; undefined when it is about to be created. */
  readonly live: unknown;
  /** What the applier wants, and all it wants. */
  readonly config: unknown;
  readonly managers: readonly Manager[];
  readonly writer: Writer;
  readonly force: boolean;
  /** The object in the words of refusals: `default/web; apps/v1, Kind=Deployment`. */
  readonly describe: string;
}

export interface Managed {
  readonly object: unknown;
  readonly managers: readonly Manager[];
}

/**
 * Server-side apply: the applier's fields are laid over the live object, fields it no longer names are removed unless somebody
 * else owns them, and fields of others that would change are conflicts.
 * @throws StatusError Conflict with one cause `FieldManagerConflict` for each field, unless forced
 * @see Kubernetes documentation, Server-Side Apply
 */
export function serverSideApply(request: ApplyRequest): Managed {
  const { schema, writer, config, live } = request;
  const identity = { ...writer, operation: 'Apply' as const };
  const last = request.managers.find((manager) => sameManager(manager, identity));
  const others = request.managers.filter((manager) => manager !== last);
  assertTypedPatch(schema, config, request.describe);
  const wanted = ownable(fieldsOf(schema, config), writer.notWritten);
  const merged = mergeValues(schema, live ?? {}, withoutMembers(config, writer.notWritten));
  const owned = union(wanted, ...others.map((manager) => manager.fields));
  const object = last === undefined ? merged : pruneValues(schema, merged, last.fields, owned);
  const changes = changesOf(schema, live ?? {}, object, writer);
  const conflicts = conflictsWith(others, changes);
  if (conflicts.length > 0 && !request.force && !isOwnHistory(request, conflicts)) throw conflictError(conflicts);
  const unchanged = last !== undefined && equalSets(last.fields, wanted);
  const applier: Manager = {
    name: writer.name,
    operation: 'Apply',
    apiVersion: writer.apiVersion,
    subresource: writer.subresource,
    time: unchanged && last.apiVersion === writer.apiVersion ? last.time : writer.time,
    fields: wanted,
  };
  return { object, managers: [applier, ...loseFields(others, changes)] };
}

/** What an update (PUT, patch, create) does to the owners: whoever changes a field takes it. */
export function recordUpdate(
  schema: Schema,
  before: unknown,
  after: unknown,
  managers: readonly Manager[],
  writer: Writer,
): readonly Manager[] {
  const changes = changesOf(schema, before ?? {}, after, writer);
  const identity = { ...writer, operation: 'Update' as const };
  const own = managers.find((manager) => sameManager(manager, identity));
  const written = ownable(union(changes.added, changes.modified), []);
  const fields = difference(union(own?.fields ?? new Set(), written), changes.removed);
  const others = loseFields(
    managers.filter((manager) => manager !== own),
    changes,
  );
  const unchanged = own !== undefined && written.size === 0 && equalSets(fields, own.fields);
  return [
    ...others,
    {
      name: writer.name,
      operation: 'Update',
      apiVersion: writer.apiVersion,
      subresource: writer.subresource,
      time: unchanged ? own.time : writer.time,
      fields,
    },
  ];
}

/** What a write changes, of what its endpoint writes. */
function changesOf(schema: Schema, before: unknown, after: unknown, writer: Writer): Comparison {
  const changes = compareValues(schema, before, after);
  const written = (fields: FieldSet): FieldSet => withoutPrefixes(fields, writer.notWritten.map(fieldElement));
  return { added: written(changes.added), modified: written(changes.modified), removed: written(changes.removed) };
}

interface ManagerConflict {
  readonly manager: Manager;
  readonly path: string;
}

function conflictsWith(others: readonly Manager[], changes: Comparison): readonly ManagerConflict[] {
  const written = union(changes.added, changes.modified);
  return others.flatMap((manager) =>
    [...intersection(manager.fields, written)].sort(membersFirst).map((path) => ({ manager, path })),
  );
}

function loseFields(managers: readonly Manager[], changes: Comparison): readonly Manager[] {
  const lost = union(changes.added, changes.modified, changes.removed);
  return managers
    .map((manager) => ({ ...manager, fields: difference(manager.fields, lost) }))
    .filter((manager) => manager.fields.size > 0);
}

/**
 * kubectl may go over from client-side to server-side apply without a conflict: fields that the last-applied annotation holds
 * with their live values were its own.
 */
function isOwnHistory({ schema, live, writer }: ApplyRequest, conflicts: readonly ManagerConflict[]): boolean {
  if (writer.name !== 'kubectl') return false;
  const text = stringAt(valueAt(live, 'metadata', 'annotations'), LAST_APPLIED);
  if (text === undefined) return false;
  let applied: unknown;
  try {
    applied = JSON.parse(text);
  } catch {
    return false; // somebody else's text under that name: conflicts stay conflicts
  }
  const history = fieldsOf(schema, applied);
  const { added, modified } = compareValues(schema, applied, live);
  return conflicts.every(({ path }) => history.has(path) && !added.has(path) && !modified.has(path));
}

/** Keeps the annotation of client-side apply true when kubectl applies through the server: older kubectl still reads it. */
export function withLastApplied(object: unknown, config: unknown, manager: string): unknown {
  if (manager !== 'kubectl' || !isMap(object) || !isMap(object['metadata'])) return object;
  const { metadata } = object;
  const annotations = metadata['annotations'];
  if (!isMap(annotations) || annotations[LAST_APPLIED] === undefined) return object;
  const text = `${JSON.stringify(sorted(config))}\n`;
  return { ...object, metadata: { ...metadata, annotations: { ...annotations, [LAST_APPLIED]: text } } };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

function withoutMembers(object: unknown, names: readonly string[]): unknown {
  if (!isMap(object)) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

function conflictError(conflicts: readonly ManagerConflict[]): StatusError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${showManager(manager)}`,
    field: showPath(path),
  }));
  return new StatusError('Conflict', conflictMessage(conflicts), { causes });
}

function conflictMessage(conflicts: readonly ManagerConflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${showManager(first.manager)}: ${showPath(first.path)}`;
  }
  const byManager = new Map<string, string[]>();
  for (const { manager, path } of conflicts) {
    const name = showManager(manager);
    byManager.set(name, [...(byManager.get(name) ?? []), `- ${showPath(path)}`]);
  }
  const lines = [...byManager]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, paths]) => [`conflicts with ${name}:`, ...paths]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function showManager(manager: Manager): string {
  const name = JSON.stringify(manager.name);
  const through = manager.subresource === '' ? '' : ` with subresource ${JSON.stringify(manager.subresource)}`;
  return `${name}${through}${manager.operation === 'Update' ? ` using ${manager.apiVersion}` : ''}`;
}
