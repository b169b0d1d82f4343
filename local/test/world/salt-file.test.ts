import { createHash, randomBytes } from 'node:crypto';

import { parseSaltFile } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { createSaltFile } from '../../src/world/salt-file.ts';

const DAY_MS = 86_400_000;
const TODAY = Date.UTC(2026, 10, 21);
/** More than one chunk of random texts. */
const COUNT = 20_000;

/** The same "random" bytes in every run. */
function seededBytes(seed: string): (length: number) => Uint8Array {
  let calls = 0;
  return (length) => {
    calls += 1;
    return new Uint8Array(createHash('shake256', { outputLength: length }).update(`${seed} ${calls}`).digest());
  };
}

describe('createSaltFile', () => {
  const text = Buffer.from(createSaltFile(COUNT, TODAY, seededBytes('salts'))).toString('latin1');
  const rows = text
    .slice(0, -1)
    .split('\n')
    .map((line) => line.split(','));

  it('writes one line of eleven columns per salt, with ids in a row', () => {
    expect(text.endsWith('\n')).toBe(true);
    expect(rows.length).toBe(COUNT);
    expect(rows.every((row) => row.length === 11)).toBe(true);
    expect(rows.map(([id]) => Number(id))).toEqual(Array.from({ length: COUNT }, (_, index) => 1_000_000 + index));
  });

  it('makes every salt the canonical Base64 of 32 bytes, and no two alike', () => {
    const salts = rows.flatMap((row) => [row[2] ?? '', row[4] ?? '']).filter((salt) => salt !== '');
    expect(salts.length).toBeGreaterThan(COUNT);
    for (const salt of salts) expect(Buffer.from(salt, 'base64').toString('base64')).toBe(salt);
    expect(salts.every((salt) => Buffer.from(salt, 'base64').length === 32)).toBe(true);
    expect(new Set(salts).size).toBe(salts.length);
  });

  it('spreads the last rotation over a year and keeps the previous salt for 90 days', () => {
    for (const row of rows) {
      const updated = Number(row[1]);
      const age = (TODAY - (updated - 1)) / DAY_MS;
      expect(Number.isInteger(age) && age >= 0 && age < 365).toBe(true);
      expect(row[4] !== '').toBe(age < 90);
      expect(Number(row[3])).toBe(updated - 1 + (Math.floor(age / 30) + 1) * 30 * DAY_MS);
    }
    expect(new Set(rows.map((row) => row[1])).size).toBe(365);
  });

  it('leaves the columns of key material empty', () => {
    expect(rows.every((row) => row.slice(5).every((column) => column === ''))).toBe(true);
  });

  it('is what the operator reads', () => {
    const table = parseSaltFile(createSaltFile(100, TODAY, randomBytes), { size: 100, idPrefix: 'h', idSecret: 's' });
    expect(table.size).toBe(100);
  });

  it('gives the same file for the same randomness', () => {
    expect(createSaltFile(50, TODAY, seededBytes('a'))).toEqual(createSaltFile(50, TODAY, seededBytes('a')));
    expect(createSaltFile(50, TODAY, seededBytes('a'))).not.toEqual(createSaltFile(50, TODAY, seededBytes('b')));
  });
});
