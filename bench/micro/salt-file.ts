/** Parsing a salt file that is in memory, in pieces as they come from a download; an eighth of production size. */
import { measureAndPrint, roundsFromArguments } from './measure.ts';
import { PRODUCTION_SALTS, saltFilePieces, saltTable } from './salt-lines.ts';
import type { SaltMaterial } from './salt-lines.ts';

const NOW_MS = 1_800_000_000_000;
const SIZE = PRODUCTION_SALTS / 8;

function parse(name: string, material: SaltMaterial) {
  const pieces = [...saltFilePieces(SIZE, material, NOW_MS)];
  return { name, items: SIZE, run: () => saltTable(SIZE, pieces) };
}

measureAndPrint(
  'salt-file',
  [parse('salts with previous', 'salt'), parse('keys with previous', 'key')],
  roundsFromArguments(),
);
