import { Buffer } from 'node:buffer';

import { describe, expect, it } from 'vitest';

import { PlainReply } from '../../src/fast-path/plain-reply.ts';

const text = (reply: PlainReply): string =>
  reply
    .write('Connection: close\r\n')
    .map((part) => Buffer.from(part as string, 'latin1').toString('latin1'))
    .join('');

describe('PlainReply', () => {
  it('has status, headers in the order in which they were first set, length and connection before the body', () => {
    const reply = new PlainReply()
      .code(400)
      .header('Vary', 'origin')
      .header('content-type', 'text/plain')
      .header('vary', 'a');
    expect(text(reply.send('no'))).toBe(
      'HTTP/1.1 400 Bad Request\r\nvary: a\r\ncontent-type: text/plain\r\ncontent-length: 2\r\nConnection: close\r\n\r\nno',
    );
  });

  it('says the length in bytes, and sends text as UTF-8', () => {
    expect(text(new PlainReply().send('é'))).toMatch(/content-length: 2\r\n[^]*\r\n\r\n\u00c3\u00a9$/);
    expect(text(new PlainReply().send(Uint8Array.of(0xff, 0x21)))).toMatch(/content-length: 2\r\n[^]*\r\n\r\n\u00ff!$/);
    expect(text(new PlainReply())).toMatch(/content-length: 0\r\n/);
  });

  it.each(['a\r\nSet-Cookie: b', 'a\nb', 'a\u0000', 'a\u007f', 'snow ☃'])(
    'refuses %j as the value of a header',
    (value) => {
      expect(() => new PlainReply().header('X-A', value)).toThrow(
        expect.objectContaining({ code: 'HEADER_VALUE_INVALID', family: 'internal' }),
      );
    },
  );
});
