import { connect } from 'node:net';
import { Readable } from 'node:stream';

import { fromBase64 } from '@holdfast/base';
import type { Uid2Client } from '@holdfast/local/uid2-client';
import { prepareSecret } from '@holdfast/uid2';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { uid2ClientOf } from '../src/index.ts';
import { strangeBytes, strangeRequests } from './support/malformed.ts';
import type { Caller, StrangeRequest } from './support/malformed.ts';
import { collectedMemory, megabytes, MEGABYTE, record } from './support/memory.ts';
import { strangeAnswer, strangeReply } from './support/named-answers.ts';
import type { Answer } from './support/named-answers.ts';
import { startOperatorService } from './support/operator-service.ts';
import type { OperatorService } from './support/operator-service.ts';
import { PublishedWorld } from './support/published-world.ts';

const REQUESTS = 10_000;
const NO_HTTP = 320;
const WARM_UP = 1500;
const CONNECTIONS = 32;
const ANSWER_DEADLINE_MS = 20_000;
const HEAP_GROWTH_BYTES = 5 * MEGABYTE;
const RESIDENT_GROWTH_BYTES = 60 * MEGABYTE;
const SEED = Number(process.env['HOLDFAST_SOAK_SEED'] ?? Date.now() % 1_000_000);

let world: PublishedWorld;
let operator: OperatorService;
let client: Uid2Client;
let caller: Caller;
const agent = new Agent({ connections: CONNECTIONS });

beforeAll(async () => {
  world = await PublishedWorld.create({ nowMs: Date.now(), salts: 2000 });
  world.publishOptOuts([], Date.now());
  operator = await startOperatorService(world, { service_instances: 1 });
  client = uid2ClientOf(operator.url, world.client);
  const made = await client.generateToken({ kind: 'email', value: 'user@example.com' });
  if (made.status !== 'success') throw new Error('there is no token');
  caller = {
    apiKey: world.client.apiKey,
    secret: prepareSecret(fromBase64(world.client.secret)),
    refreshToken: made.identity.refreshToken,
  };
});

afterAll(async () => {
  await agent.close();
  await client.close();
  await operator.stop();
  await world.core.stop();
});

async function send(strange: StrangeRequest): Promise<Answer> {
  const { method, path, headers, body, chunked } = strange;
  const sent = chunked === true ? Readable.from([body]) : typeof body === 'object' ? Buffer.from(body) : body;
  const reply = await request(`${operator.url}${path}`, {
    method: method as 'POST',
    headers,
    ...(sent === undefined ? {} : { body: sent }),
    dispatcher: agent,
    headersTimeout: ANSWER_DEADLINE_MS,
  });
  const text = (name: string): string | undefined => {
    const value = reply.headers[name];
    return Array.isArray(value) ? value.join(',') : value;
  };
  return {
    status: reply.statusCode,
    contentType: text('content-type'),
    allow: text('allow'),
    body: await reply.body.text(),
  };
}

/** A server that refuses a body before it has all of it closes the connection; then there may be no answer to read. */
function mayBreakOff({ kind }: StrangeRequest): boolean {
  return kind === 'huge body';
}

/** Sends all of them and answers what nobody named, and how often each status came. */
async function sendAll(
  requests: readonly StrangeRequest[],
): Promise<[problems: string[], statuses: Map<string, number>]> {
  const problems: string[] = [];
  const statuses = new Map<string, number>();
  const waiting = requests.values();
  const sender = async (): Promise<void> => {
    for (const strange of waiting) {
      let status = 'broken off';
      try {
        const answer = await send(strange);
        status = String(answer.status);
        const problem = strangeAnswer(strange.method, answer);
        if (problem !== undefined)
          problems.push(`${describeRequest(strange)}: ${problem}: ${answer.body.slice(0, 200)}`);
      } catch (error) {
        if (!mayBreakOff(strange)) problems.push(`${describeRequest(strange)}: ${String(error)}`);
      }
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sender));
  return [problems, statuses];
}

function describeRequest({ kind, method, path, headers }: StrangeRequest): string {
  return `${kind}: ${method} ${path.slice(0, 80)} ${headers['content-type'] ?? ''}`;
}

/** Sends bytes on a connection of their own and answers everything that comes back until it ends. */
function exchangeBytes(bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(new URL(operator.url).port), '127.0.0.1', () => socket.end(bytes));
    const done = (): void => resolve(Buffer.concat(chunks).toString('latin1'));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', done);
    socket.once('close', done);
    socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy());
  });
}

describe(`an operator process that gets ${(REQUESTS + NO_HTTP).toLocaleString('en')} malformed requests (seed ${SEED})`, () => {
  it('answers each as its specification names, lives, serves, and has its memory back', async () => {
    const [warmUpProblems] = await sendAll(strangeRequests(caller, WARM_UP, SEED + 100));
    expect(warmUpProblems.slice(0, 10)).toEqual([]);
    const before = await collectedMemory(operator.service);

    const [problems, statuses] = await sendAll(strangeRequests(caller, REQUESTS, SEED));
    expect(problems.slice(0, 20)).toEqual([]);
    for (const bytes of strangeBytes(NO_HTTP)) {
      const reply = await exchangeBytes(bytes);
      const problem = strangeReply(reply);
      if (problem !== undefined) problems.push(`${JSON.stringify(bytes.toString('latin1').slice(0, 80))}: ${problem}`);
    }
    expect(problems.slice(0, 20)).toEqual([]);

    expect(operator.service.exitCode).toBeUndefined();
    const made = await client.generateToken({ kind: 'email', value: 'user@example.com' });
    expect(made.status).toBe('success');
    const after = await collectedMemory(operator.service);
    record('malformed requests', {
      requests: REQUESTS + NO_HTTP,
      seed: SEED,
      ...Object.fromEntries(statuses),
      heapBeforeMB: megabytes(before.heapUsed),
      heapAfterMB: megabytes(after.heapUsed),
      residentBeforeMB: megabytes(before.rss),
      residentAfterMB: megabytes(after.rss),
    });
    expect(operator.service.output).not.toContain('"level":"fatal"');
    expect(after.heapUsed - before.heapUsed).toBeLessThan(HEAP_GROWTH_BYTES);
    expect(after.rss - before.rss).toBeLessThan(RESIDENT_GROWTH_BYTES);
  });
});
