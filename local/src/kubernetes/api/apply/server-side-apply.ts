import { equalJson, isMap, stringAt, valueAt } from '../objects.ts';
import type { Schema } from '../scheme/schema.ts';
import { StatusError } from '../status.ts';
import { difference, equalSets, intersection, showPath, union, withNamedParents } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { ownable, sameManager } from './managed-fields.ts';
import type { Manager } from './managed-fields.ts';
import { compareValues, fieldsOf, mergeValues, removeFields } from './typed-value.ts';
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
  const wanted = ownable(fieldsOf(schema, config, 'refuse').set, writer.notWritten);
  const merged = mergeValues(schema, live ?? {}, withoutMembers(config, writer.notWritten));
  const object =
    last === undefined ? merged : prune(schema, merged, last.fields, [wanted, ...others.map((m) => m.fields)]);
  const changes = compareValues(schema, live ?? {}, object);
  const conflicts = conflictsWith(others, changes, writer);
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
  const changes = compareValues(schema, before ?? {}, after);
  const identity = { ...writer, operation: 'Update' as const };
  const own = managers.find((manager) => sameManager(manager, identity));
  const written = ownable(union(changes.added, changes.modified), writer.notWritten);
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

/** Removes what the applier owned and nobody owns now. */
function prune(schema: Schema, merged: unknown, last: FieldSet, owned: readonly FieldSet[]): unknown {
  const kept = withNamedParents(union(...owned));
  return removeFields(schema, merged, difference(withNamedParents(last), kept));
}

interface ManagerConflict {
  readonly manager: Manager;
  readonly path: string;
}

function conflictsWith(others: readonly Manager[], changes: Comparison, writer: Writer): readonly ManagerConflict[] {
  const written = ownable(union(changes.added, changes.modified), writer.notWritten);
  return others.flatMap((manager) =>
    [...intersection(manager.fields, written)].sort().map((path) => ({ manager, path })),
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
  const history = fieldsOf(schema, applied).leaves;
  const present = fieldsOf(schema, live).leaves;
  return conflicts.every(({ path }) => history.has(path) && equalJson(history.get(path), present.get(path)));
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
