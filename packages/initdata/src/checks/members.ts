import { isTable, type TomlTable } from '../toml.ts';
import type { InitdataFindingCode } from './finding-codes.ts';
import type { FindingList } from './finding.ts';

type MemberKind = 'text' | 'boolean' | 'integer' | 'list' | 'texts' | 'table';

const KIND_NAMES: Readonly<Record<MemberKind, string>> = {
  text: 'a text',
  boolean: 'true or false',
  integer: 'a whole number',
  list: 'a list of tables',
  texts: 'a list of texts',
  table: 'a table',
};

const IS_OF: Readonly<Record<MemberKind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => typeof value === 'bigint' || Number.isInteger(value),
  list: (value) => Array.isArray(value) && value.every(isTable),
  texts: (value) => Array.isArray(value) && value.every((member) => typeof member === 'string'),
  table: isTable,
};

/** Members by name, tables with members of their own; `open` marks a table whose members are not listed. */
export interface TableSchema {
  readonly [name: string]: MemberKind | TableSchema | 'open';
}

/**
 * Compares a table with what its reader knows: wrong types under `typeCode`, unknown members as warnings, since readers
 * ignore them.
 */
export function checkMembers(
  table: TomlTable,
  schema: TableSchema,
  typeCode: InitdataFindingCode,
  findings: FindingList,
  prefix = '',
): void {
  for (const [name, value] of Object.entries(table)) {
    const path = prefix + name;
    const known = Object.hasOwn(schema, name) ? schema[name] : undefined;
    if (known === undefined) {
      findings.add('INITDATA_MEMBER_UNKNOWN', `${path} is not known and ignored.`, { path });
    } else if (typeof known === 'object') {
      if (isTable(value)) checkMembers(value, known, typeCode, findings, `${path}.`);
      else findings.add(typeCode, `${path} must be a table.`, { path });
    } else if (known !== 'open' && !IS_OF[known](value)) {
      findings.add(typeCode, `${path} must be ${KIND_NAMES[known]}.`, { path });
    }
  }
}

/** The table at `path`, undefined where there is none. */
export function tableAt(table: TomlTable, ...path: readonly string[]): TomlTable | undefined {
  let at: unknown = table;
  for (const name of path) {
    if (!isTable(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return isTable(at) ? at : undefined;
}

/** A text member; undefined where it is missing or of another type. */
export function textOf(table: TomlTable | undefined, name: string): string | undefined {
  const value = table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
