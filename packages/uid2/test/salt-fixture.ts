import { toUtf8 } from '@holdfast/base';

import { parseSaltFile } from '../src/salts/salt-file.ts';
import type { SaltTable } from '../src/salts/salt-table.ts';

/** A table of the given lines; `size` when it should announce another number of entries. */
export function saltTable(lines: readonly string[], size: number = lines.length): SaltTable {
  return parseSaltFile(toUtf8(lines.join('\n')), { size, idPrefix: 'b', idSecret: SALT_FIXTURE.idSecret });
}

/** The five-entry salt world published with the reference operator for local runs, first-level salt included. */
export const SALT_FIXTURE = {
  firstLevelSalt: 'fOGY/aRE44peL23i+cE9MkJrzmEeNZZziNZBfq7qqk8=',
  idSecret: 'HF6Qz42HBbVHINxhh191dB09BCuTWyBkNtrNicO4ZCw=',
  lines: [
    '1000000,1806364800001,vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnss=,1814140800000,vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnsS=,,,,,,',
    '1000001,1786924800001,vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnst=,1812844800000,,,,,,,',
    '1000002,1798588800001,,1806364800000,,2100002,key12345key12345key12345key12340,salt1234salt1234salt1234salt1230,2000002,key12345key12345key12345key12345,salt1234salt1234salt1234salt1234',
    '1000003,1795996800001,,1803772800000,,2000003,key12345key12345key12345key12346,salt1234salt1234salt1234salt1235,,,',
    '1000004,1811548800001,,1819324800000,vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnsw=,2000004,key12345key12345key12345key12347,salt1234salt1234salt1234salt1236,,,',
  ],
} as const;
