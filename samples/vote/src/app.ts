import { createApp } from '@holdfast/http';
import { errorMessage, fromUtf8, PlatformError, RequestError } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import type { Ballot } from './ballot.ts';
import { renderPage } from './page.ts';

export interface VoteContext {
  readonly ballot: Ballot;
  readonly title: string;
  readonly redirectAfterVote: boolean;
  readonly styles: string;
  readonly logger: Pick<Logger, 'error'>;
}

/** No script runs on the page, and nothing comes from elsewhere. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};
const ALLOW = 'GET, POST, OPTIONS';

/** The voting page: `GET /`, `POST /` with the form field `vote`, and `GET /healthz`. */
export function buildApp(context: VoteContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 4096 });
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    done();
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const status = statusOf(error);
    if (status >= 500) context.logger.error({ reason: errorMessage(error) }, 'request failed');
    const text = status === 500 ? 'The votes cannot be read.' : errorMessage(error);
    return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
  });
  const page = async (): Promise<string> => renderPage(context.title, await context.ballot.results());
  app.get('/', async (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(await page()),
  );
  app.post('/', async (request, reply) => {
    await context.ballot.vote(voteIn(request.body));
    if (context.redirectAfterVote) return reply.code(303).header('location', '/').send();
    return reply
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(await page());
  });
  app.options('/', async (_request, reply) => reply.header('allow', ALLOW).send());
  for (const method of ['PUT', 'PATCH', 'DELETE', 'HEAD'] as const) {
    app.route({ method, url: '/', handler: async (_request, reply) => reply.code(405).header('allow', ALLOW).send() });
  }
  app.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok'));
  app.get('/static/default.css', async (_request, reply) =>
    reply.header('cache-control', 'max-age=3600').type('text/css; charset=utf-8').send(context.styles),
  );
  return app;
}

/** @throws RequestError VOTE_MISSING */
function voteIn(body: unknown): string {
  const form = new URLSearchParams(body instanceof Uint8Array ? fromUtf8(body) : '');
  const vote = form.get('vote');
  if (vote === null) {
    throw new RequestError('VOTE_MISSING', 'the form has no field vote', {
      action: 'Vote with the buttons of the page.',
    });
  }
  return vote;
}

function statusOf(error: unknown): number {
  const own = (error as { statusCode?: unknown }).statusCode;
  if (typeof own === 'number') return own;
  if (!(error instanceof PlatformError) || error.code === 'VOTE_COUNTER_MISSING') return 500;
  return error.family === 'request' || error.family === 'malformed' ? 400 : 500;
}
