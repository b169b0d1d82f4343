import { limitExceeded, malformed } from './layer-errors.ts';
import { paxInteger, SPARSE_MAP } from './pax-records.ts';
import type { PaxRecords } from './pax-records.ts';
import { byteText, numberField } from './tar-fields.ts';

/** A run of stored bytes of a sparse file; everything between runs reads as zero. */
export interface SparseRun {
  readonly offset: number;
  readonly length: number;
}

const MAXIMUM_RUNS = 65_536;
const ENTRY = 24;

/** How a PAX archive describes a sparse file: not at all, by a record (0.0 and 0.1), or at the start of the content (1.0). */
export function paxSparseVersion(pax: PaxRecords): 'none' | 'record' | 'content' {
  const version = `${pax.get('GNU.sparse.major') ?? ''}.${pax.get('GNU.sparse.minor') ?? ''}`;
  if (version === '0.0' || version === '0.1') return 'record';
  if (version === '1.0') return 'content';
  return version === '.' && (pax.get(SPARSE_MAP) ?? '') !== '' ? 'record' : 'none';
}

/** @throws MalformedError LAYER_TAR_MALFORMED, LAYER_LIMIT_EXCEEDED */
export function sparseRunsOfRecord(pax: PaxRecords): SparseRun[] {
  const count = paxInteger(pax.get('GNU.sparse.numblocks') ?? '');
  const map = pax.get(SPARSE_MAP) ?? '';
  const numbers = map === '' ? [] : map.split(',');
  if (count < 0n || BigInt(numbers.length) !== 2n * count) throw malformed('a sparse file has a wrong number of runs');
  return pairs(numbers);
}

/** The runs of one header block: `count` slots from `offset` on, ended by an empty one. Adds to `runs`. */
export function addHeaderRuns(block: Uint8Array, offset: number, count: number, runs: SparseRun[]): void {
  for (let slot = 0; slot < count; slot += 1) {
    const at = offset + slot * ENTRY;
    if (block[at] === 0) return;
    if (runs.length >= MAXIMUM_RUNS) throw limitExceeded('a sparse file with too many runs', MAXIMUM_RUNS);
    runs.push({ offset: safe(numberField(block, at, 12)), length: safe(numberField(block, at + 12, 12)) });
  }
}

/** Collects the map that a sparse file of format 1.0 has in the first blocks of its content, one number a line. */
export class SparseMapParser {
  readonly #numbers: string[] = [];
  #line = '';
  #expected = Infinity;

  /** Takes one block; answers the runs once the map is complete. */
  push(block: Uint8Array): SparseRun[] | undefined {
    for (const character of byteText(block)) {
      if (character !== '\n') {
        this.#line += character;
        if (this.#line.length > 20) throw malformed('the map of a sparse file holds something other than numbers');
        continue;
      }
      if (this.#expected === Infinity) this.#expected = 2 * runCount(this.#line);
      else this.#numbers.push(this.#line);
      this.#line = '';
      if (this.#numbers.length === this.#expected) return pairs(this.#numbers);
    }
    return undefined;
  }
}

/**
 * Checks that runs ascend, do not overlap, end within the file and account for every stored byte.
 * @throws MalformedError LAYER_TAR_MALFORMED
 */
export function checkSparseRuns(runs: readonly SparseRun[], logicalSize: number, storedSize: number): void {
  let end = 0;
  let stored = 0;
  for (const run of runs) {
    if (run.offset < end || run.offset + run.length > logicalSize)
      throw malformed('the runs of a sparse file overlap or lie outside of it');
    end = run.offset + run.length;
    stored += run.length;
  }
  if (stored !== storedSize) throw malformed('a sparse file stores another number of bytes than its runs have');
}

function runCount(line: string): number {
  const count = safe(paxInteger(line));
  if (count > MAXIMUM_RUNS) throw limitExceeded('a sparse file with too many runs', MAXIMUM_RUNS);
  return count;
}

function pairs(numbers: readonly string[]): SparseRun[] {
  if (numbers.length > 2 * MAXIMUM_RUNS) throw limitExceeded('a sparse file with too many runs', MAXIMUM_RUNS);
  const runs: SparseRun[] = [];
  for (let index = 0; index + 1 < numbers.length; index += 2) {
    runs.push({
      offset: safe(paxInteger(numbers[index] ?? '')),
      length: safe(paxInteger(numbers[index + 1] ?? '')),
    });
  }
  return runs;
}

function safe(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('a run of a sparse file is out of range');
  return Number(value);
}
