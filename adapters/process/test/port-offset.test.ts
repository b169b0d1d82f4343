import { expect, it } from 'vitest';

import { shiftPort } from '../src/index.ts';

it('shiftPort moves a port by port_offset, and leaves 0 and -1 alone', () => {
  expect(shiftPort(8088, {})).toBe(8088);
  expect(shiftPort(8088, { port_offset: '' })).toBe(8088);
  expect(shiftPort(8088, { port_offset: '1000' })).toBe(9088);
  expect(shiftPort(8088, { port_offset: '-8' })).toBe(8080);
  expect([shiftPort(0, { port_offset: '5' }), shiftPort(-1, { port_offset: '5' })]).toEqual([0, -1]);
});

it('shiftPort refuses what makes no port', () => {
  for (const text of ['x', '1.5', '1e3', '70000', '-8088', '-9000', ' 1']) {
    expect(() => shiftPort(8088, { port_offset: text })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  }
});
