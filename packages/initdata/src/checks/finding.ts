import { MAX_FINDINGS } from '../limits.ts';
import { type InitdataFindingCode, initdataFindingCodes, type InitdataSeverity } from './finding-codes.ts';

export interface InitdataFinding {
  readonly code: string;
  readonly severity: InitdataSeverity;
  /** One sentence. Quotes names and addresses of the document, never the content of keys. */
  readonly message: string;
  /** The entry of `[data]` that it is about. */
  readonly entry?: string;
  /** The member inside the entry, such as `token_configs.kbs.url`. */
  readonly path?: string;
  /** From 1; `line` and `column` are inside the entry, or inside the document when there is no entry. */
  readonly line?: number;
  readonly column?: number;
}

export type FindingPlace = Pick<InitdataFinding, 'entry' | 'path' | 'line' | 'column'>;

/** Collects findings of one entry. */
export interface FindingList {
  add(code: InitdataFindingCode, message: string, place?: FindingPlace): void;
}

export function findingOf(code: InitdataFindingCode, message: string, place: FindingPlace = {}): InitdataFinding {
  return { code, severity: initdataFindingCodes[code].severity, message, ...place };
}

/** A list whose findings are about `entry`, and at most `MAX_FINDINGS`. */
export function findingsOf(entry: string, into: InitdataFinding[]): FindingList {
  let count = 0;
  return {
    add(code, message, place) {
      count += 1;
      if (count <= MAX_FINDINGS) into.push(findingOf(code, message, { entry, ...place }));
      else if (count === MAX_FINDINGS + 1) {
        into.push(findingOf('INITDATA_FINDINGS_CUT', `There are more than ${MAX_FINDINGS} findings.`, { entry }));
      }
    },
  };
}
