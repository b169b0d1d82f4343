import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createApp } from '../../src/app.ts';
import { ConnectionBalance } from '../../src/fast-path/connection-balance.ts';
import { FastPath } from '../../src/fast-path/fast-path.ts';
import { PlainRouteRequest } from '../../src/fast-path/plain-route-request.ts';
import { sendFailure, useReferenceFallbacks } from '../../src/reference-fallbacks.ts';
import type { RouteReply, RouteRequest } from '../../src/route-messages.ts';
import { sendUntyped } from '../../src/untyped-reply.ts';

type Handler = (request: RouteRequest, reply: RouteReply) => Promise<unknown>;

const LARGE = Buffer.alloc(64 * 1024, 'a');
/** More than sockets take at once. */
const HUGE = Buffer.alloc(16 * 1024 * 1024, 'a');

/** Lets the test decide when a handler goes on. */
let held: { started: Promise<void>; go: () => void; hold: () => Promise<void> };

const HANDLERS: Readonly<Record<string, Handler>> = {
  '/echo': async ({ body, headers }, reply) =>
    reply
      .code(201)
      .header('X-Given', String(headers['x-given']))
      .header('content-type', 'text/plain')
      .send(String(body)),
  '/bytes': async (_request, reply) => reply.header('content-type', 'application/json').send(Buffer.from('{"é":1}')),
  '/wide': async (_request, reply) => reply.header('content-type', 'text/plain').send('é'),
  '/untyped': async (_request, reply) => sendUntyped(reply, 'OK'),
  '/large': async (_request, reply) => reply.header('content-type', 'text/plain').send(LARGE),
  '/fails': async (_request, reply) => {
    reply.header('Vary', 'origin');
    throw new Error('a defect');
  },
  '/held': async (_request, reply) => {
    await held.hold();
    return reply.header('content-type', 'text/plain').send('at last');
  },
  '/huge': async (_request, reply) => reply.header('content-type', 'text/plain').send(HUGE),
  '/released': async (_request, reply) => {
    reply.raw.once('finish', () => onFinish());
    return reply.header('content-type', 'text/plain').send(LARGE);
  },
  '/set-twice': async (_request, reply) =>
    reply.header('X-A', 'one').header('x-a', 'two').header('content-type', 'text/plain').send(''),
};

let app: FastifyInstance;
/** Connections of this server and of another thread with the same port, which has more than enough. */
let connections: Int32Array;
let port: number;
/** Requests that node:http saw, and what the fast path answered. */
let handedOver: number;
let answered: string[];
let failures: unknown[];
let onFinish = (): void => undefined;
const sockets: Socket[] = [];
const serverSide: Socket[] = [];

beforeEach(async () => {
  let go = (): void => undefined;
  let started = (): void => undefined;
  const going = new Promise<void>((resolve) => (go = resolve));
  held = {
    started: new Promise<void>((resolve) => (started = resolve)),
    go,
    hold: () => {
      started();
      return going;
    },
  };
  [handedOver, answered, failures] = [0, [], []];
  connections = Int32Array.of(0, 1000);
  app = createApp({ bodyLimitBytes: 1024 * 1024 });
  useReferenceFallbacks(app, (error) => failures.push(error));
  const fastPath = new FastPath({
    createRequest: (received, socket) => new PlainRouteRequest(received, socket),
    onFailure: (error, _request, reply) => sendFailure(reply, error, (cause) => failures.push(cause)),
    onResponse: ({ url }, { statusCode }) => answered.push(`${statusCode} ${url}`),
    keepAliveMs: app.server.keepAliveTimeout,
    connections: new ConnectionBalance(connections, 0),
  });
  for (const [path, handler] of Object.entries(HANDLERS)) {
    app.post(path, handler);
    fastPath.post(path, handler);
  }
  app.get('/echo', async (_request, reply) => reply.send('by GET'));
  app.server.on('request', () => (handedOver += 1));
  fastPath.attach(app.server);
  app.server.on('connection', (socket: Socket) => serverSide.push(socket));
  app.addHook('preClose', (done) => {
    fastPath.close();
    done();
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const address = app.server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});

afterEach(async () => {
  held.go();
  for (const socket of sockets.splice(0)) socket.destroy();
  serverSide.length = 0;
  await app.close();
});

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined); // those that are reset
  await once(socket, 'connect');
  return socket;
}

/** One request as it is on the wire; a header with `_` is read by node:http only. */
function post(path: string, body = 'x', headers: readonly string[] = []): string {
  return [`POST ${path} HTTP/1.1`, 'Host: a', ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n');
}

const NOT_PLAIN = ['X_Any: a'];

/** Everything up to the whole of `count` replies, dates made equal. */
async function receive(socket: Socket, count = 1): Promise<string[]> {
  const replies: string[] = [];
  let text = '';
  while (replies.length < count) {
    const headEnd = text.indexOf('\r\n\r\n');
    const length = headEnd < 0 ? NaN : Number(/content-length: (\d+)/i.exec(text.slice(0, headEnd))?.[1]);
    if (headEnd >= 0 && text.length >= headEnd + 4 + length) {
      replies.push(text.slice(0, headEnd + 4 + length).replace(/Date: [^\r]*/, 'Date: now'));
      text = text.slice(headEnd + 4 + length);
    } else {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      text += chunk.toString('latin1');
    }
  }
  expect(text).toBe('');
  return replies;
}

async function ask(text: string): Promise<string> {
  const socket = await open();
  socket.write(text);
  const [reply = ''] = await receive(socket);
  return reply;
}

describe('a reply has the same bytes on the fast path and through node:http', () => {
  it.each(Object.keys(HANDLERS).filter((path) => path !== '/held'))('of %s', async (path) => {
    const plain = await ask(post(path, 'x', ['X-Given: b']));
    expect(handedOver).toBe(0);
    const other = await ask(post(path, 'x', ['X-Given: b', ...NOT_PLAIN]));
    expect(handedOver).toBe(1);
    expect(plain).toBe(other);
    expect(plain).toMatch(/^HTTP\/1.1 \d{3} /);
  });

  it('and what a handler throws is one failure each', async () => {
    expect(await ask(post('/fails'))).toBe(await ask(post('/fails', 'x', NOT_PLAIN)));
    expect(failures).toHaveLength(2);
    expect(answered).toEqual(['500 /fails']);
  });
});

describe('on one connection', () => {
  it('a request may come in pieces, such as head and body', async () => {
    const socket = await open();
    const text = post('/echo', 'in two');
    socket.setNoDelay(true);
    socket.write(text.slice(0, -6));
    await once(serverSide[0] as Socket, 'data');
    socket.write('in two');
    expect((await receive(socket))[0]).toMatch(/in two$/);
    expect(handedOver).toBe(0);
  });

  it('requests that come together are answered one after the other', async () => {
    const socket = await open();
    socket.write(post('/echo', 'one') + post('/held', 'two') + post('/echo', 'three'));
    await held.started;
    expect(answered).toEqual(['201 /echo']);
    held.go();
    const replies = await receive(socket, 3);
    expect(replies.map((reply) => reply.split('\r\n').at(-1))).toEqual(['one', 'at last', 'three']);
    expect(handedOver).toBe(0);
  });

  it('requests that came before the client ended its half are answered, the last of them as the last', async () => {
    const socket = await open();
    socket.end(post('/held', 'one') + post('/echo', 'two') + post('/echo', 'cut').slice(0, -1));
    await held.started;
    await expect.poll(() => serverSide[0]?.readableEnded).toBe(true);
    held.go();
    const replies = await receive(socket, 2);
    expect(replies.map((reply) => reply.split('\r\n').at(-1))).toEqual(['at last', 'two']);
    await once(socket, 'close');
    const other = await open();
    other.end(post('/echo', 'one') + post('/echo', 'two'));
    expect((await receive(other, 2))[1]).toMatch(/two$/);
    await once(other, 'close');
    expect(handedOver).toBe(0);
  });

  it('the first that is not plain goes to node:http with all that follows', async () => {
    const socket = await open();
    socket.write(post('/echo', 'one') + 'GET /echo HTTP/1.1\r\nHost: a\r\n\r\n' + post('/echo', 'three'));
    const replies = await receive(socket, 3);
    expect(replies.map((reply) => reply.split('\r\n').at(-1))).toEqual(['one', 'by GET', 'three']);
    expect(handedOver).toBe(2);
    socket.write(post('/echo', 'later'));
    expect((await receive(socket))[0]).toMatch(/later$/);
    expect(handedOver).toBe(3);
  });

  it('a request in more than a few pieces goes to node:http, whole', async () => {
    const socket = await open();
    socket.setNoDelay(true);
    const text = post('/echo', 'bit by bit');
    for (const at of [0, 10, 20, 30]) {
      socket.write(text.slice(at, at + 10));
      await once(serverSide[0] as Socket, 'data');
    }
    socket.write(text.slice(40));
    expect((await receive(socket))[0]).toMatch(/bit by bit$/);
    expect(handedOver).toBe(1);
  });

  it('a long body goes to node:http, whole', async () => {
    const body = 'b'.repeat(300_000);
    expect(await ask(post('/echo', body))).toMatch(/b{300000}$/);
    expect(handedOver).toBe(1);
  });

  it('nonsense is answered as node:http answers it', async () => {
    expect(await ask('nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 Bad Request/);
  });

  it('a request that does not end goes to node:http, which has deadlines, once nothing comes any more', async () => {
    const socket = await open();
    socket.write(post('/echo', 'cut short').slice(0, -3));
    await once(serverSide[0] as Socket, 'data');
    serverSide[0]?.emit('timeout');
    socket.write('ort');
    expect((await receive(socket))[0]).toMatch(/cut short$/);
    expect(handedOver).toBe(1);
  });

  it('silence for longer than the server keeps connections ends it', async () => {
    const socket = await open();
    socket.write(post('/echo', 'one'));
    await receive(socket);
    expect(serverSide[0]?.timeout).toBe(app.server.keepAliveTimeout);
    serverSide[0]?.emit('timeout');
    await once(socket, 'close');
  });

  it('whoever asks on without reading has to wait, and gets every reply in the end', async () => {
    const socket = await open();
    socket.pause();
    const count = 500;
    socket.write(post('/large').repeat(count));
    await expect.poll(() => serverSide[0]?.writableNeedDrain).toBe(true);
    expect(answered.length).toBeLessThan(count);
    expect(serverSide[0]?.writableLength).toBeLessThan(4 * LARGE.length);
    socket.resume();
    let received = 0;
    for await (const chunk of socket) {
      received += (chunk as Buffer).length;
      if (received >= count * LARGE.length && answered.length === count) break;
    }
    expect(answered).toHaveLength(count);
  });

  it('whoever goes away while a reply is made does no harm', async () => {
    const socket = await open();
    socket.write(post('/held') + post('/echo', 'for nobody'));
    await held.started;
    const gone = new Promise((resolve) => serverSide[0]?.once('close', resolve));
    socket.resetAndDestroy();
    await gone;
    held.go();
    expect(await ask(post('/echo', 'next'))).toMatch(/next$/);
    expect(answered).toEqual(['200 /held', '201 /echo']);
  });

  it('a handler hears when the bytes of its reply are not needed any more', async () => {
    for (const headers of [[], NOT_PLAIN]) {
      const finished = new Promise<void>((resolve) => (onFinish = resolve));
      await ask(post('/released', 'x', headers));
      await finished;
    }
    expect(handedOver).toBe(1);
  });
});

describe('when the application closes', () => {
  it('idle connections end at once', async () => {
    const socket = await open();
    socket.write(post('/echo', 'one'));
    await receive(socket);
    const closed = once(socket, 'close');
    await app.close();
    await closed;
  });

  it('a request under way is answered, and told that it was the last', async () => {
    const socket = await open();
    socket.write(post('/held') + post('/echo', 'never'));
    await held.started;
    const closing = app.close();
    await expect.poll(() => app.server.listening).toBe(false);
    held.go();
    const [reply] = await receive(socket);
    expect(reply).toMatch(/\r\nConnection: close\r\n\r\nat last$/);
    await closing;
    expect(answered).toEqual(['200 /held']);
  });

  it('a reply that its client has not read yet is sent to its end, and the connection ends with it', async () => {
    const socket = await open();
    socket.pause();
    socket.write(post('/huge'));
    await expect.poll(() => serverSide[0]?.writableNeedDrain).toBe(true);
    const closing = app.close();
    await expect.poll(() => app.server.listening).toBe(false);
    let received = 0;
    for await (const chunk of socket) received += (chunk as Buffer).length;
    expect(received).toBeGreaterThan(HUGE.length);
    await closing;
  });

  it('a request that has not come whole is finished by node:http', async () => {
    const socket = await open();
    const text = post('/echo', 'in two');
    socket.write(text.slice(0, -3));
    await once(serverSide[0] as Socket, 'data');
    const closing = app.close();
    socket.write('two'.slice(-3));
    expect((await receive(socket))[0]).toMatch(/\r\nConnection: close\r\n/);
    await closing;
    expect(handedOver).toBe(1);
  });
});

describe('when other threads share the port', () => {
  it('connections are counted for as long as they are open, by whom they are answered', async () => {
    const [plain, other] = [await open(), await open()];
    other.write(post('/echo', 'x', NOT_PLAIN));
    await receive(other);
    expect(connections[0]).toBe(2);
    for (const socket of [plain, other]) socket.destroy();
    await expect.poll(() => connections[0]).toBe(0);
  });

  it('one that another thread should have is told that its reply is the last, and ends with it', async () => {
    const [one, two] = [await open(), await open()];
    connections[1] = 0;
    // Of a client that asks once nobody knows whether it would ask again.
    one.write(post('/echo', 'one'));
    expect(await receive(one)).toEqual([expect.stringContaining('\r\nConnection: keep-alive\r\n')]);
    one.write(post('/echo', 'one'));
    expect(await receive(one)).toEqual([expect.stringContaining('\r\nConnection: close\r\n')]);
    await once(one, 'close');
    await expect.poll(() => connections[0]).toBe(1);
    for (let asked = 0; asked < 2; asked += 1) {
      two.write(post('/echo', 'two'));
      expect(await receive(two)).toEqual([expect.stringContaining('\r\nConnection: keep-alive\r\n')]);
    }
  });

  it('one that asked for more gets its replies first', async () => {
    const [one] = [await open(), await open()];
    connections[1] = 0;
    one.write(post('/echo', 'one') + post('/echo', 'two') + post('/echo', 'three'));
    const replies = await receive(one, 3);
    expect(replies.map((reply) => /Connection: (\S+)/.exec(reply)?.[1])).toEqual(['keep-alive', 'keep-alive', 'close']);
  });
});
