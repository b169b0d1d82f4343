import { expect, it } from 'vitest';

import { renderFacts, renderTable, timeText } from '../../src/admin/table.ts';

it('columns are as wide as their longest cell, numbers stand to the right', () => {
  expect(
    renderTable(
      ['ID', 'NAME'],
      [
        [1, 'a'],
        [20, 'longer'],
      ],
    ),
  ).toBe('ID  NAME\n 1  a\n20  longer\n');
  expect(renderTable(['ID', 'NAME'], [])).toBe('ID  NAME\n');
});

it('control characters of a name never reach the terminal', () => {
  expect(renderTable(['NAME'], [['a\u001b[2Jb\nc']])).toBe('NAME\na\ufffd[2Jb\ufffdc\n');
  expect(renderFacts([['name', '\u0007']])).toBe('name  \ufffd\n');
});

it('times are whole seconds in UTC', () => {
  expect(timeText(1_772_366_400)).toBe('2026-03-01T12:00:00Z');
});
