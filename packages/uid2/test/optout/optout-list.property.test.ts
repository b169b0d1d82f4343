import { damagedJson, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatOptOutList, parseOptOutLocations, selectOptOutFiles } from '../../src/optout/optout-list.ts';

const entry = fc.record({
  type: fc.constantFrom('delta' as const, 'partition' as const),
  from: fc.nat(),
  to: fc.nat(),
  location: fc.string(),
});
const list = fc.record({ version: fc.nat(), generated: fc.nat(), files: fc.array(entry) });

const LOCATIONS = [
  'http://h/optout/partition/2026-05-01/optout-partition-999-2026-05-01T00.00.00Z-1a2b3c4d.dat?sig=1',
  'http://h/optout/delta/2026-05-01/optout-delta-001-2026-05-01T10.00.00Z-1a2b3c4d.dat?sig=1',
  'http://h/optout/delta/2026-05-02/optout-delta-001-2026-05-02T10.00.00Z-1a2b3c4d.dat?sig=1',
  'http://h/optout/synthetic/optout-delta-000-2026-05-02T10.00.00Z-1a2b3c4d.dat',
];
const VALID = {
  version: 1,
  generated: 2,
  optout_logs: LOCATIONS.map((location) => ({ type: 'delta', from: 1, to: 2, location })),
};

describe('parseOptOutLocations', () => {
  it('reads the locations of every list that can be written', () => {
    fc.assert(
      fc.property(list, (value) => {
        expect(parseOptOutLocations(formatOptOutList(value))).toEqual(value.files.map(({ location }) => location));
      }),
    );
  });

  it('refuses every other list as malformed', () => {
    fc.assert(
      fc.property(damagedJson(VALID), (text) => {
        const locations = refusedOnlyWith(['SEED_FILE_MALFORMED'], () => parseOptOutLocations(text));
        expect(locations?.every((location) => typeof location === 'string')).not.toBe(false);
      }),
    );
  });
});

describe('selectOptOutFiles', () => {
  it('selects some of the listed files, each once, whatever they are called', () => {
    const locations = fc.uniqueArray(
      fc.oneof(
        fc.constantFrom(...LOCATIONS),
        fc.constantFrom(...LOCATIONS).chain((text) => fc.nat(text.length).map((end) => text.slice(0, end))),
        fc.string(),
      ),
    );
    const days = fc.nat({ max: 400 });
    fc.assert(
      fc.property(locations, days, fc.nat({ max: 5 }), (listed, backtrackInDays, syntheticCount) => {
        const selection = { folder: 'optout/', backtrackInDays, syntheticCount };
        const selected = selectOptOutFiles(listed, selection, Date.UTC(2026, 4, 3));
        expect(new Set(selected).size).toBe(selected.length);
        expect(selected.filter((location) => !listed.includes(location))).toEqual([]);
        const partitions = listed.filter((location) => location.includes('optout/partition/'));
        expect(partitions.filter((location) => !selected.includes(location))).toEqual([]);
      }),
    );
  });
});
