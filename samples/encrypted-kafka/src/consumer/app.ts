import { createApp } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import type { ConsumerContext } from './context.ts';
import { registerEventsRoute } from './events-route.ts';
import { renderPage } from './page/html.ts';

/** Scripts and styles come from this server alone, so that even an escaping mistake could not run what a message says. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/**
 * The consumer's page: `GET /`, its static files, `GET /events` with live updates (server-sent events), and `GET /state`
 * with the same facts for programs.
 */
export function buildConsumerApp(context: ConsumerContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 1024 });
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    done();
  });
  app.get('/', async (_request, reply) => {
    await context.board.first(context.firstMessageTimeoutMs);
    const page = renderPage(context.view());
    return reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(page);
  });
  app.get('/state', async (_request, reply) => {
    const body = JSON.stringify(context.view());
    return reply.header('cache-control', 'no-store').type('application/json; charset=utf-8').send(body);
  });
  for (const { path, contentType, body } of context.assets) {
    app.get(path, async (_request, reply) =>
      reply.header('cache-control', 'max-age=3600').type(contentType).send(body),
    );
  }
  registerEventsRoute(app, context);
  return app;
}
