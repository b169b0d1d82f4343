import { errorMessage, MalformedError } from '@holdfast/base';
import { parse, TomlError } from 'smol-toml';

import { MAX_TOML_DEPTH, MAX_TOML_SIGNS } from './limits.ts';
import { hasMoreStructure } from './toml-structure.ts';

/** A table: tables inside of it are objects without a prototype, arrays are arrays, the rest are scalars. */
export type TomlTable = Readonly<Record<string, unknown>>;

/**
 * Reads TOML 1.0. `what` names the text in messages, such as `aa.toml`.
 * @throws MalformedError `code`, with `line` and `column` (both from 1) in its details when the grammar is broken
 */
export function parseToml(text: string, what: string, code: string): TomlTable {
  // Guests read documents with parsers that differ on a byte order mark.
  if (text.startsWith('\uFEFF')) throw located(what, code, 'it begins with a byte order mark', 1, 1);
  if (hasMoreStructure(text, MAX_TOML_SIGNS)) {
    throw new MalformedError(code, `${what} has more keys, tables and members than are read`);
  }
  let table: TomlTable;
  try {
    table = parse(text, { maxDepth: MAX_TOML_DEPTH, integersAsBigInt: 'asNeeded' });
  } catch (cause) {
    if (cause instanceof TomlError) throw located(what, code, problemOf(cause), cause.line, cause.column, cause);
    throw new MalformedError(code, `${what} is not TOML: ${errorMessage(cause)}`, { cause });
  }
  if (isDeeper(table, MAX_TOML_DEPTH)) {
    throw new MalformedError(code, `${what} nests tables deeper than ${MAX_TOML_DEPTH} levels`);
  }
  return table;
}

export function isTable(value: unknown): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function located(
  what: string,
  code: string,
  problem: string,
  line: number,
  column: number,
  cause?: unknown,
): MalformedError {
  return new MalformedError(code, `${what}, line ${line}, column ${column}: ${problem}`, {
    details: { line, column },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The parser's own sentence, without the lines of the document that it quotes: they may hold anything. */
function problemOf(error: TomlError): string {
  const line = error.message.split('\n', 1)[0] ?? '';
  return line.replace(/^Invalid TOML document: /u, '').replace(/\.$/u, '');
}

/** Level by level, since whoever wrote the document chooses how deep it is. */
function isDeeper(table: TomlTable, levels: number): boolean {
  let level: unknown[] = [table];
  for (let depth = 0; depth < levels; depth += 1) {
    level = level.flatMap((value) => (Array.isArray(value) ? value : isTable(value) ? Object.values(value) : []));
    if (level.length === 0) return false;
  }
  return level.some((value) => Array.isArray(value) || isTable(value));
}
