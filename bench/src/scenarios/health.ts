import { replyInvalid, sendFirst } from './scenario.ts';
import type { Scenario } from './scenario.ts';

const PATH = '/ops/healthcheck';

/** `GET /ops/healthcheck`, which a healthy operator answers with 200 and `OK`. */
export function health(pathPrefix: string): Scenario {
  const exchange = { method: 'GET', path: `${pathPrefix}${PATH}`, headers: [], body: null } as const;
  return {
    entriesPerRequest: 0,
    openSession: () => ({
      readsReplies: false,
      async prepare(send) {
        const reply = await sendFirst(send, exchange);
        if (reply.body.toString('utf8').trim() !== 'OK') throw replyInvalid(PATH, 'the answer is not OK');
        return reply.length;
      },
      next: () => exchange,
      accept: () => {},
    }),
  };
}
