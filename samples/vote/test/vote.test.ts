import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { Ballot, buildApp, readConfig } from '../src/index.ts';
import type { Counters } from '../src/index.ts';

interface VectorCase {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly input: {
    readonly redis?: Readonly<Record<string, string>>;
    readonly env?: Readonly<Record<string, string>>;
    readonly afterStart?: string;
    readonly requests?: readonly string[];
  };
  readonly expect: Expected & {
    readonly compatible?: Expected;
    readonly strict?: Expected;
    readonly recommended?: Expected;
  };
}
interface Expected {
  readonly redis?: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly statuses?: readonly number[];
  readonly results?: string | readonly string[];
  readonly startup?: string;
}

const vectors = loadVectors('identity.json') as { readonly cases: readonly VectorCase[] } | undefined;
const cases = vectors?.cases.filter(({ group }) => group === 'azure-vote') ?? [];

/** Counters as Redis has them. */
function countersOf(values: Map<string, string>): Counters {
  return {
    get: (key) => Promise.resolve(values.get(key)),
    set: (key, value) => Promise.resolve(void values.set(key, value)),
    setIfMissing(key, value) {
      const missing = !values.has(key);
      if (missing) values.set(key, value);
      return Promise.resolve(missing);
    },
    increment(key) {
      const next = Number(values.get(key) ?? 0) + 1;
      values.set(key, String(next));
      return Promise.resolve(next);
    },
  };
}

async function start(
  values: Map<string, string>,
  options: { readonly compatible?: boolean; readonly redirect?: boolean } = {},
) {
  const ballot = new Ballot({
    counters: countersOf(values),
    choices: ['Cats', 'Dogs'],
    compatible: options.compatible ?? false,
  });
  await ballot.open();
  return buildApp({
    ballot,
    title: 'Title <&>',
    redirectAfterVote: options.redirect ?? false,
    styles: '',
    logger: { error: () => undefined },
  });
}

const vote = (payload: string) =>
  ({ method: 'POST', url: '/', payload, headers: { 'content-type': 'application/x-www-form-urlencoded' } }) as const;

async function play({ input }: VectorCase, compatible: boolean) {
  const values = new Map(Object.entries(input.redis ?? {}));
  let app = await start(values, { compatible });
  if (input.afterStart !== undefined) values.delete(input.afterStart.replace('DEL ', ''));
  const answers = [];
  for (const request of input.requests ?? []) {
    if (request === 'restart') app = await start(values, { compatible });
    else if (request === 'GET /') answers.push(await app.inject('/'));
    else answers.push(await app.inject(vote(request.replace('POST / ', ''))));
  }
  return { values, answers };
}

describe.skipIf(vectors === undefined)('known answers of the published sample', () => {
  const modes = cases
    .filter(({ expect: { startup } }) => startup === undefined)
    .flatMap((entry) =>
      (['compatible', 'ours'] as const).map((mode) => {
        const { compatible, strict, recommended } = entry.expect;
        const expected = (mode === 'compatible' ? compatible : (strict ?? recommended)) ?? entry.expect;
        return { title: `${entry.id} ${entry.title}, ${mode}`, entry, mode, expected };
      }),
    );

  it.each(modes)('$title', async ({ entry, mode, expected }) => {
    const { values, answers } = await play(entry, mode === 'compatible');
    const last = answers.at(-1);
    if (expected.redis !== undefined) expect(Object.fromEntries(values)).toEqual(expected.redis);
    if (expected.status !== undefined) expect(last?.statusCode).toBe(expected.status);
    if (expected.statuses !== undefined) expect(answers.map(({ statusCode }) => statusCode)).toEqual(expected.statuses);
    if (typeof expected.results === 'string') expect(last?.body).toContain(` ${expected.results} `);
    else
      for (const [index, text] of (expected.results ?? []).entries())
        expect(answers[index]?.body).toContain(` ${text} `);
  });

  it.each(cases.filter(({ expect: { startup } }) => startup !== undefined))('$id $title', ({ input }) => {
    expect(() => readConfig({ configFile: undefined, env: input.env ?? {} })).toThrow(/REDIS/);
  });
});

describe('the voting page', () => {
  it('has three buttons, and escapes what comes from outside', async () => {
    const { body, headers } = await (await start(new Map([['Cats', '<b>']]))).inject('/');
    expect(body.match(/<button name="vote" value="(?:Cats|Dogs|reset)"/g)).toHaveLength(3);
    expect(body).toContain('Title &lt;&amp;&gt;');
    expect(body).toContain('Cats - &lt;b&gt;');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
  });

  it('answers a vote with a redirect when it is told to', async () => {
    const app = await start(new Map(), { redirect: true });
    expect((await app.inject(vote('vote=Cats'))).headers).toMatchObject({ location: '/' });
    expect((await app.inject('/')).body).toContain('Cats - 1');
  });

  it.each([
    ['no field', vote('choice=Cats'), 400],
    ['another method', { method: 'DELETE', url: '/' } as const, 405],
    ['another path', { method: 'GET', url: '/admin' } as const, 404],
    ['a huge body', vote(`vote=${'x'.repeat(5000)}`), 413],
    ['bytes that are no text', { method: 'POST', url: '/', payload: Buffer.from([0xff]) } as const, 400],
  ])('refuses %s', async (_title, request, status) => {
    expect((await (await start(new Map())).inject(request)).statusCode).toBe(status);
  });
});

describe('its configuration', () => {
  it('does not start with choices that are the same key', () => {
    const env = { REDIS: 'r', VOTE1VALUE: 'a', VOTE2VALUE: 'a' };
    expect(() => readConfig({ configFile: undefined, env })).toThrow(/must differ/);
  });

  it('takes the ports of Azure: 6379, and 6380 with TLS', () => {
    expect(readConfig({ configFile: undefined, env: { REDIS: 'r' } }).redis.port).toBe(6379);
    expect(readConfig({ configFile: undefined, env: { REDIS: 'r', redis_tls: 'true' } }).redis.port).toBe(6380);
  });
});
