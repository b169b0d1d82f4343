import type { ServerResponse } from 'node:http';

import type { FastifyInstance } from 'fastify';

import type { ConsumerContext } from './context.ts';

/** More pages than this are sent away: each holds a connection for as long as it is open. */
const MAX_PAGES = 200;
/** A reader that takes nothing for this many bytes is cut off instead of being stored up for. */
const MAX_BACKLOG_BYTES = 1024 * 1024;
const KEEP_ALIVE_MS = 15_000;

/**
 * `GET /events`: what the page shows, now and after every change, as server-sent events (WHATWG HTML, section 9.2). All
 * streams end when the app closes.
 */
export function registerEventsRoute(app: FastifyInstance, context: ConsumerContext): void {
  const open = new Set<ServerResponse>();
  app.get('/events', (request, reply) => {
    if (open.size >= MAX_PAGES) {
      void reply.code(503).header('retry-after', '30').type('text/plain').send('too many open pages\n');
      return;
    }
    reply.hijack();
    const response = reply.raw;
    response.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    open.add(response);
    const send = (): void => {
      response.write(`data: ${JSON.stringify(context.view())}\n\n`);
      if (response.writableLength > MAX_BACKLOG_BYTES) response.destroy();
    };
    const unsubscribe = context.subscribe(send);
    const keepAlive = setInterval(() => response.write(': still here\n\n'), KEEP_ALIVE_MS);
    request.raw.once('close', () => {
      clearInterval(keepAlive);
      unsubscribe();
      open.delete(response);
    });
    send();
  });
  app.addHook('preClose', (done) => {
    for (const response of open) response.end();
    done();
  });
}
