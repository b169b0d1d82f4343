/** 10,000 e-mail addresses to current and previous raw UID, on one core, over a salt table of production size. */
import { toBase64 } from '@holdfast/base';
import { firstLevelHash, hashDii, mapIdentity } from '@holdfast/uid2';
import type { RawUidOptions, SaltTable } from '@holdfast/uid2';

import { identityText } from '../src/identities.ts';
import { measureAndPrint, roundsFromArguments } from './measure.ts';
import { FIRST_LEVEL_SALT, PRODUCTION_SALTS, saltFilePieces, saltTable } from './salt-lines.ts';
import type { SaltMaterial } from './salt-lines.ts';

const ENTRIES = 10_000;
const NOW_MS = 1_800_000_000_000;
const OPTIONS: RawUidOptions = { scope: 'uid2', type: 'email', environment: 'prod', identityV3: false };

const emails = Array.from({ length: ENTRIES }, (_, index) => identityText('email', index));

function mapAll(table: SaltTable): number {
  let length = 0;
  for (const email of emails) {
    const identity = hashDii('email', email);
    if (identity === undefined) throw new Error(`${email} is no e-mail address`);
    const mapped = mapIdentity(table, firstLevelHash(identity.hash, FIRST_LEVEL_SALT), OPTIONS, NOW_MS);
    if (mapped.previousRawUid === undefined) throw new Error('the table has no previous material');
    length += toBase64(mapped.rawUid).length + toBase64(mapped.previousRawUid).length;
  }
  return length;
}

function operation(name: string, material: SaltMaterial) {
  const table = saltTable(PRODUCTION_SALTS, saltFilePieces(PRODUCTION_SALTS, material, NOW_MS));
  return { name, items: ENTRIES, run: () => mapAll(table) };
}

measureAndPrint(
  'identity-map',
  [operation('raw UID version 2, with previous', 'salt'), operation('raw UID version 4, with previous', 'key')],
  roundsFromArguments(),
);
