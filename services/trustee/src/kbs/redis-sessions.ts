import { MalformedError } from '@holdfast/base';
import type { RedisStore } from '@holdfast/redis';
import { z } from 'zod';

import { MAX_FAILURES, newSession } from './sessions.ts';
import type { Session, Sessions, SessionsOptions } from './sessions.ts';

const PREFIX = 'holdfast:kbs_protocol_session';
/** Ids of half-open and of attested sessions, by the time they end. */
const HALF_OPEN = `${PREFIX}:half-open`;
const ATTESTED = `${PREFIX}:attested`;

/** KEYS: set of ids, session. ARGV: prefix, now, limit, session as JSON, milliseconds to live, end, id. */
const STORE = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
while redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) do
  redis.call('DEL', ARGV[1] .. redis.call('ZPOPMIN', KEYS[1])[1])
end
redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5])
redis.call('ZADD', KEYS[1], ARGV[6], ARGV[7])
`;

/** What is stored, or nothing; an attested session stays as it is. KEYS: half-open ids, session. ARGV: token, id. */
const COMPLETE = `
local text = redis.call('GET', KEYS[2])
if not text then return false end
local session = cjson.decode(text)
if session.state ~= 'attested' then
  session.state = 'attested'
  session.token = ARGV[1]
  text = cjson.encode(session)
  redis.call('SET', KEYS[2], text, 'KEEPTTL')
  redis.call('ZREM', KEYS[1], ARGV[2])
end
return text
`;

/** KEYS: half-open ids, session. ARGV: most failures, id. */
const FAIL = `
local text = redis.call('GET', KEYS[2])
if not text then return end
local session = cjson.decode(text)
if session.state == 'attested' then return end
session.failures = session.failures + 1
if session.failures >= tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[2], cjson.encode(session), 'KEEPTTL')
end
`;

const COUNT = `
local count = 0
for _, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[1])
  count = count + redis.call('ZCARD', key)
end
return count
`;

const sessionSchema = z.object({
  id: z.string(),
  tee: z.string(),
  nonce: z.string(),
  expiresAt: z.number(),
  state: z.enum(['authed', 'attested']),
  token: z.string().optional(),
  failures: z.number(),
});

/**
 * Sessions that replicas share, so that any of them takes the second half of a handshake. Each change is one script: two
 * attempts at the same time complete a session once. Half-open and attested sessions are limited each by itself. The
 * methods throw DependencyError with the REDIS_ codes of adapters/redis, and MalformedError TRUSTEE_STORAGE_MALFORMED.
 */
export class RedisSessions implements Sessions {
  readonly #redis: RedisStore;
  readonly #options: SessionsOptions;

  constructor(redis: RedisStore, options: SessionsOptions) {
    this.#redis = redis;
    this.#options = options;
  }

  async open(tee: string, nonce: string): Promise<Session> {
    const session = newSession(tee, nonce, this.#options);
    await this.#store(HALF_OPEN, session);
    return session;
  }

  async find(id: string): Promise<Session | undefined> {
    const text = await this.#redis.get(keyOf(id));
    const session = text === undefined ? undefined : parse(text);
    return session !== undefined && session.expiresAt > this.#options.clock() ? session : undefined;
  }

  async complete(session: Session, token: string): Promise<Session> {
    const text = await this.#redis.evaluate(COMPLETE, [HALF_OPEN, keyOf(session.id)], [token, session.id]);
    if (typeof text !== 'string') return { ...session, state: 'attested', token };
    const stored = parse(text);
    if (stored.token === token) await this.#store(ATTESTED, stored);
    return stored;
  }

  async fail(session: Session): Promise<void> {
    await this.#redis.evaluate(FAIL, [HALF_OPEN, keyOf(session.id)], [MAX_FAILURES, session.id]);
  }

  async count(): Promise<number> {
    const count = await this.#redis.evaluate(COUNT, [HALF_OPEN, ATTESTED], [this.#options.clock()]);
    return typeof count === 'number' ? count : 0;
  }

  /** Redis forgets by itself. */
  async sweep(): Promise<void> {}

  async #store(ids: string, session: Session): Promise<void> {
    const { clock, maxSessions } = this.#options;
    const now = clock();
    const lifeMs = Math.max(1, Math.ceil(session.expiresAt - now));
    await this.#redis.evaluate(
      STORE,
      [ids, keyOf(session.id)],
      [`${PREFIX}:`, now, maxSessions, JSON.stringify(session), lifeMs, session.expiresAt, session.id],
    );
  }
}

function keyOf(id: string): string {
  return `${PREFIX}:${id}`;
}

function parse(text: string): Session {
  try {
    const { token, ...session } = sessionSchema.parse(JSON.parse(text));
    return { ...session, token };
  } catch (cause) {
    throw new MalformedError('TRUSTEE_STORAGE_MALFORMED', 'a session in Redis is not in the form it was written in', {
      cause,
    });
  }
}
