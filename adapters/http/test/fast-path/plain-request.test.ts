import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { PlainRequestReader } from '../../src/fast-path/plain-request.ts';

const PATHS = new Set(['/v2/token/generate', '/v2/token/refresh']);
const HEADERS = ['Host: operator.example', 'Authorization: Bearer UID2-C-L-1', 'content-type:text/plain'];

function request(
  body: string,
  headers: readonly string[] = HEADERS,
  line = 'POST /v2/token/generate HTTP/1.1',
): Buffer {
  return Buffer.from(`${[line, ...headers, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

const read = (bytes: Buffer) => new PlainRequestReader(PATHS).read(bytes);

describe('a plain request is read', () => {
  it('with its path, its headers in lower case, its body, and where the next one begins', () => {
    const bytes = Buffer.concat([request('sealed'), Buffer.from('POST')]);
    expect(read(bytes)).toEqual({
      path: '/v2/token/generate',
      headers: {
        host: 'operator.example',
        authorization: 'Bearer UID2-C-L-1',
        'content-type': 'text/plain',
        'content-length': '6',
      },
      body: Buffer.from('sealed'),
      end: bytes.length - 4,
    });
  });

  it('with blanks around values left out, and empty values', () => {
    expect(read(request('x', ['Host: \t a b \t', 'Origin:']))).toMatchObject({ headers: { host: 'a b', origin: '' } });
  });

  it('on a connection that says it stays', () => {
    expect(read(request('x', [...HEADERS, 'Connection: Keep-Alive']))).toHaveProperty('path');
  });

  it('up to 16 KiB of body', () => {
    expect(read(request('x'.repeat(16_384)))).toHaveProperty('path');
    expect(read(request('x'.repeat(16_385)))).toBeUndefined();
  });

  it('however it is cut: a beginning says how many bytes there will be at least', () => {
    const bytes = request('sealed');
    for (let length = 1; length < bytes.length; length += 1) {
      const unfinished = read(bytes.subarray(0, length)) as { atLeast: number };
      expect(unfinished.atLeast).toBeGreaterThan(length);
      expect(unfinished.atLeast).toBeLessThanOrEqual(bytes.length);
    }
  });
});

describe('what is not plain is left to others', () => {
  it.each([
    ['another method', request('x', HEADERS, 'PUT /v2/token/generate HTTP/1.1')],
    ['another version', request('x', HEADERS, 'POST /v2/token/generate HTTP/1.0')],
    ['another path', request('x', HEADERS, 'POST /v2/token/generate/ HTTP/1.1')],
    ['a query', request('x', HEADERS, 'POST /v2/token/generate?client=a HTTP/1.1')],
    ['a whole address', request('x', HEADERS, 'POST http://a/v2/token/generate HTTP/1.1')],
    ['two blanks', request('x', HEADERS, 'POST  /v2/token/generate HTTP/1.1')],
    ['no host', request('x', HEADERS.slice(1))],
    ['a repeated header', request('x', [...HEADERS, 'Host: other.example'])],
    ['a second length', request('x', [...HEADERS, 'Content-Length: 1'])],
    ['a header named like a member of every object', request('x', [...HEADERS, 'Constructor: a'])],
    ['a folded header', request('x', [...HEADERS, 'X-A: b\r\n c'])],
    ['a line break of one byte', request('x', [...HEADERS, 'X-A: b\nX-B: c'])],
    ['a blank before the colon', request('x', [...HEADERS, 'X-A : b'])],
    ['a name that is no word', request('x', [...HEADERS, 'X_A: b'])],
    ['a header without a colon', request('x', [...HEADERS, 'X-A'])],
    ['a control character', request('x', [...HEADERS, 'X-A: b\u0000'])],
    ['letters outside ASCII', request('x', [...HEADERS, 'X-A: é'])],
    ['chunks', request('x', [...HEADERS, 'Transfer-Encoding: chunked'])],
    ['an expectation', request('x', [...HEADERS, 'Expect: 100-continue'])],
    ['an upgrade', request('x', [...HEADERS, 'Upgrade: websocket'])],
    ['trailers', request('x', [...HEADERS, 'Trailer: X-A'])],
    ['a connection that is to end', request('x', [...HEADERS, 'Connection: close'])],
    ['no body', request('')],
    ['no length', Buffer.from('POST /v2/token/generate HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['a length with a sign', Buffer.from('POST /v2/token/generate HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx')],
    [
      'a length with a leading zero',
      Buffer.from('POST /v2/token/generate HTTP/1.1\r\nHost: a\r\nContent-Length: 01\r\n\r\nx'),
    ],
    ['two lengths in one', Buffer.from('POST /v2/token/generate HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx')],
    ['a head of more than 8 KiB', request('x', [...HEADERS, `X-A: ${'b'.repeat(8192)}`])],
    ['a head that does not end', Buffer.from(`POST /v2/token/generate HTTP/1.1\r\nX-A: ${'b'.repeat(8192)}`)],
    ['TLS', Buffer.from('16030100', 'hex')],
    ['nothing but a line', Buffer.from('\r\n')],
  ])('%s', (_what, bytes) => {
    expect(read(bytes)).toBeUndefined();
  });
});

describe('the head before is remembered', () => {
  it('with other lengths of as many digits, and never mistaken for another', () => {
    const reader = new PlainRequestReader(PATHS);
    expect(reader.read(request('a'.repeat(10)))).toMatchObject({ headers: { 'content-length': '10' } });
    expect(reader.read(request('b'.repeat(99)))).toMatchObject({
      headers: { 'content-length': '99' },
      body: { length: 99 },
    });
    expect(reader.read(request('c'.repeat(100)))).toMatchObject({ headers: { 'content-length': '100' } });
    expect(reader.read(request('d'.repeat(100), ['Host: b']))).toMatchObject({ headers: { host: 'b' } });
    expect(reader.read(request('d'.repeat(100), ['Host: c']))).toMatchObject({ headers: { host: 'c' } });
  });

  it('but not its length: what stands there must be one again', () => {
    const reader = new PlainRequestReader(PATHS);
    const bytes = request('a'.repeat(10));
    expect(reader.read(bytes)).toHaveProperty('path');
    for (const digits of ['00', '01', '1 ', ' 1', '-1', '1x', '\r\n']) {
      expect(
        reader.read(Buffer.from(bytes.toString('latin1').replace(': 10', `: ${digits}`), 'latin1')),
      ).toBeUndefined();
    }
  });

  it('apart from the headers that a handler was given', () => {
    const reader = new PlainRequestReader(PATHS);
    const first = reader.read(request('a')) as { headers: Record<string, string> };
    delete first.headers['authorization'];
    expect(reader.read(request('b'))).toMatchObject({ headers: { authorization: 'Bearer UID2-C-L-1' } });
  });
});

/** What node:http makes of the same bytes: the requests, and where it stopped understanding. */
async function asNodeReads(bytes: Buffer): Promise<readonly { url: string; headers: object; body: string }[]> {
  const requests: { url: string; headers: object; body: string }[] = [];
  const server = createServer((incoming, reply) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      requests.push({
        url: incoming.url ?? '',
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString('latin1'),
      });
      reply.end();
    });
  });
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  server.on('clientError', () => socket.destroy());
  server.emit('connection', socket);
  socket.push(bytes);
  socket.push(null);
  await closed;
  server.close();
  return requests;
}

describe('whatever is taken for plain', () => {
  const token = fc.constantFrom(
    'Host',
    'Content-Length',
    'X-A',
    'Connection',
    'Transfer-Encoding',
    'content-type',
    'a',
    'é',
    'x y',
  );
  const value = fc.constantFrom(
    'a',
    '5',
    '3',
    'keep-alive',
    'chunked',
    ' b',
    'c ',
    '',
    '5, 5',
    '\t',
    '0',
    '05',
    '1e1',
    '\u00e9',
  );
  const colon = fc.constantFrom(': ', ':', ' : ', '');
  const lineEnd = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\n ', '\r\n\r\n');
  const headers = fc.array(
    fc.tuple(token, colon, value, lineEnd).map((parts) => parts.join('')),
    { maxLength: 4 },
  );
  const line = fc.constantFrom(
    'POST /v2/token/refresh HTTP/1.1\r\n',
    'POST /v2/token/refresh HTTP/1.1\r\n',
    'POST /v2/token/refresh HTTP/1.1\n',
    'POST /v2/token/refresh HTTP/1.0\r\n',
    'POST /v2/token/refresh  HTTP/1.1\r\n',
  );
  const made = fc
    .tuple(
      line,
      headers,
      fc.constantFrom('Host: h\r\n', ''),
      fc.constantFrom('Content-Length: 5\r\n', ''),
      fc.constantFrom('\r\n', ''),
    )
    .map(([start, some, host, length, end]) =>
      Buffer.from(`${start}${host}${length}${some.join('')}${end}abcde`, 'latin1'),
    );
  const damaged = fc
    .tuple(fc.nat(), fc.nat({ max: 255 }), fc.constantFrom('replace', 'insert', 'delete'))
    .map(([at, byte, how]) => {
      const whole = request('abcde');
      const place = at % whole.length;
      const rest = whole.subarray(how === 'insert' ? place : place + 1);
      return Buffer.concat([whole.subarray(0, place), how === 'delete' ? Buffer.alloc(0) : Buffer.of(byte), rest]);
    });

  it('node:http reads as the same request', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(made, damaged), async (bytes) => {
        const plain = read(bytes);
        if (plain === undefined || !('path' in plain)) return;
        taken += 1;
        const [first] = await asNodeReads(bytes.subarray(0, plain.end));
        expect({ url: plain.path, headers: { ...plain.headers }, body: plain.body.toString('latin1') }).toEqual({
          ...first,
          headers: { ...first?.headers },
        });
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});
