import { describe, expect, it } from 'vitest';

import { publishedSnapshots, snapshotInUse, snapshotState } from '../../src/administration/index.ts';

const snapshot = (effective: number, expires: number) => ({ effective, expires, location: `f${effective}`, size: 1 });
const NOW = 100;

describe('the snapshots that are listed', () => {
  it('are sorted, without expired ones and those before the newest in force', () => {
    const known = [snapshot(90, 200), snapshot(50, 200), snapshot(10, 99), snapshot(95, 100)];
    const listed = publishedSnapshots(known, snapshot(120, 220), NOW);
    expect(listed.map(({ effective }) => effective)).toEqual([90, 120]);
  });

  it('hold only the new one when it is in force at once', () => {
    expect(publishedSnapshots([snapshot(50, 200)], snapshot(100, 200), NOW)).toHaveLength(1);
  });

  it('hold future ones, when none is in force', () => {
    expect(publishedSnapshots([snapshot(150, 200)], snapshot(120, 220), NOW)).toHaveLength(2);
  });
});

describe('the snapshot in use', () => {
  it('is the last in a row that are in force, else the newest', () => {
    const [a, b, c] = [snapshot(10, 200), snapshot(50, 200), snapshot(120, 200)];
    expect(snapshotInUse([c, a, b], NOW)).toBe(b);
    expect(snapshotInUse([snapshot(10, 50), b, c], NOW)).toBe(c);
    expect(snapshotInUse([], NOW)).toBeUndefined();
  });

  it('is told from those that were, will be, or have run out', () => {
    const all = [snapshot(10, 200), snapshot(50, 200), snapshot(120, 200)];
    expect(all.map((entry) => snapshotState(entry, all, NOW))).toEqual(['past', 'current', 'future']);
    const expired = [snapshot(10, 50)];
    expect(expired.map((entry) => snapshotState(entry, expired, NOW))).toEqual(['expired']);
  });
});
