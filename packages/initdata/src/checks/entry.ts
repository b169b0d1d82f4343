import type { MalformedError } from '@holdfast/base';

import { parseToml, type TomlTable } from '../toml.ts';
import type { InitdataFindingCode } from './finding-codes.ts';
import type { FindingList } from './finding.ts';

/** The table of a TOML entry; a finding with line and column, and undefined, where it is none. */
export function readEntry(
  text: string,
  entry: string,
  code: InitdataFindingCode,
  findings: FindingList,
): TomlTable | undefined {
  try {
    return parseToml(text, entry, code);
  } catch (error) {
    // parseToml throws nothing else.
    const { message, details } = error as MalformedError;
    const { line, column } = details;
    const place = typeof line === 'number' && typeof column === 'number' ? { line, column } : {};
    findings.add(code, `${message}.`, place);
    return undefined;
  }
}
