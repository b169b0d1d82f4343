import { get } from 'node:http';

import { listen } from '@holdfast/http';
import { afterEach, describe, expect, it } from 'vitest';

import { buildConsumerApp } from '../../src/consumer/app.ts';
import { MessageBoard } from '../../src/consumer/message-board.ts';
import { loadAssets } from '../../src/consumer/page/assets.ts';
import { pageView } from '../../src/consumer/page/view.ts';
import type { PageView } from '../../src/consumer/page/view.ts';
import { encryptMessage } from '../../src/crypto/message-cipher.ts';
import { pair } from '../keys.ts';
import { record } from './record.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

async function consumer(firstMessageTimeoutMs = 60_000) {
  const board = new MessageBoard({ clock: () => 0 });
  board.useKey(pair.privateKey);
  const app = buildConsumerApp({
    board,
    assets: await loadAssets(),
    view: () =>
      pageView({
        topic: 'orders',
        headingStyle: 'shown',
        key: { kind: 'released', kid: 'demo', bits: 2048 },
        kafka: { kind: 'reading', partitions: [0] },
        messages: board.messages,
        received: board.count,
      }),
    subscribe: (listener) => board.subscribe(listener),
    firstMessageTimeoutMs,
  });
  open.push(app);
  return { app, board, receive: (text: string) => board.add(record(encryptMessage(text, pair.publicKey))) };
}

describe('the consumer', () => {
  it('answers the page when the first message is there, to all who asked', async () => {
    const { app, receive } = await consumer();
    const asked = [app.inject('/'), app.inject('/')];
    receive('Msg 1: hello');
    for (const answer of await Promise.all(asked)) {
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      expect(answer.body).toContain('<code id="message">Msg 1: hello</code>');
    }
  });

  it('answers without a message when none comes in time', async () => {
    const { app } = await consumer(0);
    expect((await app.inject('/')).body).toContain('Timeout waiting to read data from Kafka.');
  });

  it('lets scripts and styles come from itself alone, on every answer', async () => {
    const { app } = await consumer(0);
    for (const url of ['/', '/state', '/web/globals.css', '/nowhere']) {
      const policy = String((await app.inject(url)).headers['content-security-policy']);
      expect(policy).toMatch(/^default-src 'none'; style-src 'self'; script-src 'self';/);
    }
  });

  it.each([
    ['/web/globals.css', 'text/css; charset=utf-8'],
    ['/web/Home.module.css', 'text/css; charset=utf-8'],
    ['/web/live.js', 'text/javascript; charset=utf-8'],
    ['/favicon.ico', 'image/svg+xml'],
  ])('serves %s', async (path, contentType) => {
    const { app } = await consumer();
    const answer = await app.inject(path);
    expect([answer.statusCode, answer.headers['content-type'], answer.body.length > 100]).toEqual([
      200,
      contentType,
      true,
    ]);
  });

  it('sends every change to open pages, and ends them when it stops', async () => {
    const { app, receive } = await consumer();
    const url = await listen(app, { host: '127.0.0.1', port: 0 });
    const views: PageView[] = [];
    const seen = Promise.withResolvers<void>();
    const ended = new Promise<void>((resolve, reject) => {
      get(`${url}/events`, (response) => {
        expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          for (const [, data = ''] of chunk.matchAll(/^data: (.*)$/gm)) views.push(JSON.parse(data) as PageView);
          if (views.length === 1) receive('one');
          if (views.length >= 2) seen.resolve();
        });
        response.once('end', resolve);
      }).once('error', reject);
    });
    await seen.promise;
    expect(views.map(({ message, received }) => [message, received])).toEqual([
      [expect.stringContaining('Timeout'), 0],
      ['one', 1],
    ]);
    await app.close();
    await ended;
  });
});
