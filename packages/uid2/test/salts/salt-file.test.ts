import { fromUtf8, MalformedError, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseSaltFile, SaltFileParser } from '../../src/salts/salt-file.ts';
import { SaltTable, type SaltKeyMaterial } from '../../src/salts/salt-table.ts';
import { thrownBy, vectorGroup, vectorsMissing } from '../operator-vectors.ts';
import { SALT_FIXTURE, saltTable } from '../salt-fixture.ts';

interface KeyVector {
  id: number;
  key: string;
  salt: string;
}

interface LineVector {
  line: string;
  id?: number;
  bucket_id?: string;
  last_updated_ms?: number;
  refresh_from_ms?: number;
  current_salt?: string | null;
  previous_salt?: string | null;
  current_key?: KeyVector | null;
  previous_key?: KeyVector | null;
}

const text = (bytes: Uint8Array | undefined) => bytes && fromUtf8(new Uint8Array(bytes));
const key = (material: SaltKeyMaterial | undefined) =>
  material && { id: material.id, key: text(material.key), salt: text(material.salt) };

/** Everything a table says about an entry. */
function entry(table: SaltTable, index: number) {
  return {
    id: table.id(index),
    lastUpdated: table.lastUpdated(index),
    refreshFrom: table.refreshFrom(index),
    currentSalt: text(table.currentSalt(index)),
    previousSalt: text(table.previousSalt(index)),
    currentKey: key(table.currentKey(index)),
    previousKey: key(table.previousKey(index)),
  };
}

describe('the usual line', () => {
  const id = fc.nat({ max: 999_999_999 }).map(String);
  const time = fc.nat({ max: 2 ** 44 }).map(String);
  const word = fc.base64String({ maxLength: 60 });
  const material = fc.oneof(fc.constant(['', '', '']), fc.tuple(id, fc.base64String({ minLength: 4 }), word));
  const usual = fc
    .tuple(id, time, word, time, word, material, material)
    .map(([number, updated, salt, refresh, previous, one, other]) =>
      [number, updated, salt, refresh, previous].concat(one, other),
    );
  const odd = fc.oneof(
    fc.integer({ min: -9, max: 2 ** 33 }).map(String),
    fc.constantFrom('', '0', '007', '+5', '1x', '999999999999999', '9007199254740993', '12345678901234567890'),
    fc.constantFrom(' ', ' a ', 'a b', 'abcd efg', ' abcdefg', 'abcdefg ', '\u00e4', '\u0000', '\t', 'a\tbcdefg\t'),
    fc.constantFrom('x'.repeat(255), 'x'.repeat(256), 'x,y'),
  );
  const changes = fc.array(fc.tuple(fc.nat({ max: 10 }), odd), { maxLength: 2 });
  const line = fc.tuple(usual, changes).map(([columns, changed]) => {
    for (const [column, value] of changed) columns[column] = value;
    return columns.join(',');
  });
  const outcome = (file: string): unknown => {
    try {
      const table = parseSaltFile(toUtf8(file), { size: 3, idPrefix: 'a', idSecret: 'b' });
      return [0, 1, 2].map((index) => (table.isLoaded(index) ? entry(table, index) : undefined));
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('is read as a line that is looked at closely is', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 3 }), (lines) => {
        // Nobody calls a line usual that ends with a carriage return.
        expect(outcome(lines.map((text) => `${text}\n`).join(''))).toEqual(
          outcome(lines.map((text) => `${text}\r\n`).join('')),
        );
      }),
      { numRuns: 2000 },
    );
  });
});

describe('parseSaltFile', () => {
  describe.skipIf(vectorsMissing)('known answers', () => {
    it.each(vectorGroup<LineVector>('salt_file_lines'))('reads $line', (vector) => {
      const table = saltTable([vector.line]);
      const [id, updated, salt, refresh, previous, ...keys] = vector.line.split(',');
      expect(entry(table, 0)).toEqual({
        id: Number(id),
        lastUpdated: Number(updated),
        refreshFrom: Number(refresh),
        currentSalt: salt === '' ? undefined : salt,
        previousSalt: previous === '' ? undefined : previous,
        currentKey: keys[1] === '' ? undefined : { id: Number(keys[0]), key: keys[1], salt: keys[2] },
        previousKey: keys[4] === '' ? undefined : { id: Number(keys[3]), key: keys[4], salt: keys[5] },
      });
      if (vector.id === undefined) return;
      expect(entry(table, 0)).toEqual({
        id: vector.id,
        lastUpdated: vector.last_updated_ms,
        refreshFrom: vector.refresh_from_ms,
        currentSalt: vector.current_salt ?? undefined,
        previousSalt: vector.previous_salt ?? undefined,
        currentKey: vector.current_key ?? undefined,
        previousKey: vector.previous_key ?? undefined,
      });
      expect(table.bucketId(0)).toBe(vector.bucket_id);
    });
  });

  it('trims texts, treats blanks as absent and accepts nine columns', () => {
    const table = saltTable(
      ['1,2, salt ,3,\t,  ,x,y,', '2,2,a,3,b,7, key ,\t', '3,2,a,3,b,7,key,s,9,k,t,extra,columns'].map((line, i) =>
        i === 1 ? `${line},` : line,
      ),
    );
    expect(entry(table, 0)).toMatchObject({ currentSalt: 'salt', previousSalt: undefined, currentKey: undefined });
    expect(entry(table, 1)).toMatchObject({ currentKey: { id: 7, key: 'key', salt: undefined } });
    expect(entry(table, 2)).toMatchObject({ previousKey: { id: 9, key: 'k', salt: 't' } });
  });

  it('accepts line breaks of either kind and any number of them at the end', () => {
    const lines = SALT_FIXTURE.lines.join('\r\n');
    const table = parseSaltFile(toUtf8(`${lines}\r\n\n\n`), { size: 5, idPrefix: 'b', idSecret: '' });
    expect(entry(table, 4)).toEqual(entry(saltTable(SALT_FIXTURE.lines), 4));
  });

  it.each([
    ['an empty line in the middle', '1,2,a,3,,,,,\n\n2,2,a,3,,,,,', 2],
    ['an empty line at the start', '\n1,2,a,3,,,,,', 1],
    ['too few columns', '1,2,a,3,b,,,', 1],
    ['an id that is no number', 'x,2,a,3,,,,,', 1],
    ['an empty id', ',2,a,3,,,,,', 1],
    ['a blank beside a number', '1, 2,a,3,,,,,', 1],
    ['a sign without digits', '1,-,a,3,,,,,', 1],
    ['a fraction', '1,2.5,a,3,,,,,', 1],
    ['an id beyond 32 bits', '2147483648,2,a,3,,,,,', 1],
    ['a time beyond exact doubles', '1,99999999999999999,a,3,,,,,', 1],
    ['a missing refresh-from', '1,2,a,,,,,,', 1],
    ['a key id that is no number', '1,2,a,3,,x,key,salt,', 1],
    ['a salt of 256 bytes', `1,2,${'s'.repeat(256)},3,,,,,`, 1],
    ['a line without end', '1,2,a,3,,,,,'.padEnd(5000, 'x'), 1],
    ['more lines than announced', '1,2,a,3,,,,,\n2,2,a,3,,,,,\n3,2,a,3,,,,,', 3],
  ])('refuses %s and names the line', (_name, file, line) => {
    const parse = () => parseSaltFile(toUtf8(file), { size: 2, idPrefix: '', idSecret: '' });
    expect(thrownBy(parse)).toMatchObject({ code: 'SALT_FILE_MALFORMED', details: { line } });
  });

  it('leaves holes for lines that are missing', () => {
    const table = saltTable(['1,2,a,3,,,,,'], 2);
    expect(table.isLoaded(0)).toBe(true);
    expect(table.isLoaded(1)).toBe(false);
    expect(table.size).toBe(2);
  });

  it('fails with its own error, if at all, for arbitrary bytes and for every truncation of a good file', () => {
    const good = toUtf8(SALT_FIXTURE.lines.join('\n'));
    const parse = (bytes: Uint8Array) => {
      try {
        parseSaltFile(bytes, { size: 5, idPrefix: '', idSecret: '' });
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(MalformedError);
      }
    };
    for (let length = 0; length < good.length; length += 1) parse(good.subarray(0, length));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), parse));
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('1', ',', '\n', 'a', ' ') }).map(toUtf8), parse));
  });
});

describe('SaltFileParser', () => {
  it('gives the same table however the file is cut', () => {
    const bytes = toUtf8(`${SALT_FIXTURE.lines.join('\n')}\n`);
    const whole = saltTable(SALT_FIXTURE.lines);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
        const parser = new SaltFileParser({ size: 5, idPrefix: 'b', idSecret: SALT_FIXTURE.idSecret });
        let start = 0;
        for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          parser.push(bytes.subarray(start, cut));
          start = cut;
        }
        const table = parser.finish();
        for (let i = 0; i < 5; i += 1) expect(entry(table, i)).toEqual(entry(whole, i));
      }),
    );
  });

  it('keeps every text of a table that is larger than one segment of memory', () => {
    const size = 120_000;
    const lines = Array.from(
      { length: size },
      // Missing columns are not usual.
      (_, i) => `${i},2,${String(i).padStart(44, 'a')},3,${String(i).padEnd(44, 'b')},,,,${i % 5000 === 0 ? '' : ',,'}`,
    );
    const table = saltTable(lines);
    expect(table.share().segments.length).toBeGreaterThan(1);
    const wrong = lines.findIndex(
      (_, i) =>
        text(table.currentSalt(i)) !== String(i).padStart(44, 'a') ||
        text(table.previousSalt(i)) !== String(i).padEnd(44, 'b'),
    );
    expect(wrong).toBe(-1);
  });

  it('reads thousands of usual lines in a row and others between them, with keys and without', () => {
    const size = 30_000;
    const keys = (i: number): string => (i % 3 === 0 ? `${i},k${i},s${i}` : ',,');
    // Blanks are not usual. Lines are so short that more of them are in a piece of a file than are read together.
    const salt = (i: number): string => (i % 9000 === 1 ? ` ${i} ` : `${i}`);
    const lines = Array.from({ length: size }, (_, i) => `${i},${i + 7},${salt(i)},3,,${keys(i)},${keys(i + 1)}`);
    const table = saltTable(lines);
    const key = (i: number) => (i % 3 === 0 ? { id: i, key: `k${i}`, salt: `s${i}` } : undefined);
    const wrong = lines.findIndex((_, i) => {
      const expected = [i, i + 7, String(i), key(i), key(i + 1)];
      const { id, lastUpdated, currentSalt, currentKey, previousKey } = entry(table, i);
      return JSON.stringify([id, lastUpdated, currentSalt, currentKey, previousKey]) !== JSON.stringify(expected);
    });
    expect(wrong).toBe(-1);
  });
});

describe('SaltTable', () => {
  it('gives another thread the same memory', () => {
    const table = saltTable(SALT_FIXTURE.lines);
    const other = SaltTable.fromShared(structuredClone(table.share()));
    for (let i = 0; i < 5; i += 1) expect(entry(other, i)).toEqual(entry(table, i));
    expect(other.bucketId(3)).toBe(table.bucketId(3));
    const before = table.lastUpdated(0);
    new Float64Array(table.share().rows)[0] = 1;
    expect(other.lastUpdated(0)).toBe(1);
    expect(before).not.toBe(1);
  });
});
