import { describe, expect, it } from 'vitest';

import { writeSaltLine } from '../../src/administration/index.ts';
import type { SaltLineKey } from '../../src/administration/index.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

type KeyVector = readonly [number, string | null, string | null];

interface LineVector {
  readonly cases: readonly {
    readonly entry: {
      readonly id: number;
      readonly last_updated: number;
      readonly salt: string;
      readonly refresh_from: number;
      readonly previous_salt?: string;
      readonly current_key?: KeyVector;
      readonly previous_key?: KeyVector;
    };
    readonly line: string;
  }[];
  readonly plus_one_example: { readonly last_updated: number; readonly written: number };
}

const key = (vector: KeyVector | undefined): SaltLineKey | undefined =>
  vector && { id: vector[0], key: vector[1] ?? undefined, salt: vector[2] ?? undefined };

describe.skipIf(!hasVectors)('salt lines', () => {
  const { cases, plus_one_example: plusOne } = coreVector<LineVector>('salt-line-write');

  it.each(cases ?? [])('are written as in the reference: $line', ({ entry, line }) => {
    expect(
      writeSaltLine({
        id: entry.id,
        lastUpdated: entry.last_updated,
        salt: entry.salt,
        refreshFrom: entry.refresh_from,
        previousSalt: entry.previous_salt,
        currentKey: key(entry.current_key),
        previousKey: key(entry.previous_key),
      }),
    ).toBe(line);
  });

  it('shift a last update on a whole second by a millisecond', () => {
    const line = writeSaltLine({
      id: 1,
      lastUpdated: plusOne.last_updated,
      salt: 's',
      refreshFrom: 0,
      previousSalt: undefined,
      currentKey: undefined,
      previousKey: undefined,
    });
    expect(line).toBe(`1,${plusOne.written},s,0,,,,,,,\n`);
  });
});
