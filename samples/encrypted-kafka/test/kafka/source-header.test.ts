import { describe, expect, it } from 'vitest';

import { headerText } from '../../src/kafka/source-header.ts';

describe('headerText', () => {
  it.each([
    ['plain UTF-8', Buffer.from('here'), 'here'],
    ['a short string of AMQP', Buffer.from([0xa1, 4, ...Buffer.from('here')]), 'here'],
    ['something that only begins like one', Buffer.from([0xa1, 9, 0x68]), '\ufffd\th'],
    ['nothing', Buffer.alloc(0), ''],
  ])('reads %s', (_what, bytes, text) => {
    expect(headerText(bytes)).toBe(text);
  });
});
