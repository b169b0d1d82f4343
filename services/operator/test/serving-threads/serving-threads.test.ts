import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

import type { InternalError } from '@holdfast/base';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { ServingThreads } from '../../src/serving-threads/serving-threads.ts';
import type { ServedOperator } from '../../src/serving-threads/serving-threads.ts';
import { World } from '../world.ts';
import { worldSource } from './world-source.ts';

const DYING = new URL('dying-thread.ts', import.meta.url);
const HEAP = new URL('heap-thread.ts', import.meta.url);
const ADDRESS = { host: '127.0.0.1', port: 0 };

function served(world: World): ServedOperator {
  const gateState = { open: true, optOutSyncedAtMs: Date.now(), optOutStaleLimitMs: 60_000 };
  return {
    context: { ...world.context, metrics: new Registry() },
    world: worldSource(world),
    gateState: () => gateState,
  };
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** Asks for something on a connection that is to stay; answers whether the reply says that it does not. */
async function isLast(socket: Socket): Promise<boolean> {
  socket.write('POST /v2/key/latest HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
  const [reply] = (await once(socket, 'data')) as [Buffer];
  return reply.toString('latin1').includes('\r\nConnection: close\r\n');
}

async function requestsByThread(threads: ServingThreads): Promise<readonly number[]> {
  const metrics = await threads.metrics();
  return [...metrics.matchAll(/^uid2_operator_serving_thread_requests_total\{.*\} (\d+)$/gm)].map(([, value]) =>
    Number(value),
  );
}

describe.skipIf(process.platform !== 'linux')('ServingThreads', () => {
  it('serve on one port, sum their metrics and end when told to', async () => {
    const world = new World({ mapWorkers: 0 });
    const lost: InternalError[] = [];
    const threads = new ServingThreads({
      count: 2,
      settings: world.context.settings,
      onLost: (error) => lost.push(error),
    });
    const url = await threads.open(ADDRESS, served(world));
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const reply = await fetch(`${url}/v2/key/latest`, { method: 'POST', headers: { connection: 'close' } });
        return reply.status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([401]));
    const metrics = await threads.metrics();
    expect(metrics).toMatch(/uid2_http_requests_total\{[^}]*status="401"[^}]*path="\/v2\/key\/latest"[^}]*\} 20/);
    await threads.stop();
    expect(lost).toEqual([]);
    await expect(fetch(`${url}/ops/healthcheck`)).rejects.toThrow('fetch failed');
  });

  it('share the connections of clients that keep them', async () => {
    const world = new World({ mapWorkers: 0 });
    const { settings } = world.context;
    const threads = new ServingThreads({ count: 2, settings, onLost: () => undefined });
    const { port } = new URL(await threads.open(ADDRESS, served(world)));
    const sockets = await Promise.all(Array.from({ length: 8 }, () => open(Number(port))));
    /** Asks once on each connection, and opens those anew that were closed; answers how many were. */
    const askAll = async (): Promise<number> => {
      const closed = await Promise.all(sockets.map((socket) => isLast(socket)));
      for (const [i, isClosed] of closed.entries()) if (isClosed) sockets[i] = await open(Number(port));
      return closed.filter(Boolean).length;
    };
    await expect
      .poll(
        async () => {
          await askAll();
          const before = await requestsByThread(threads);
          await askAll();
          const after = await requestsByThread(threads);
          return after.map((requests, thread) => requests - (before[thread] ?? 0));
        },
        { interval: 60, timeout: 10_000 },
      )
      .toEqual([4, 4]);
    expect(await askAll()).toBe(0);
    for (const socket of sockets) socket.destroy();
    await threads.stop();
  });

  it('report a thread that ends by itself, and a port that never opened', async () => {
    const world = new World();
    const lost = Promise.withResolvers<InternalError>();
    const threads = new ServingThreads({
      count: 1,
      settings: world.context.settings,
      onLost: lost.resolve,
      program: DYING,
    });
    await expect(threads.open(ADDRESS, served(world))).rejects.toMatchObject({ code: 'SERVING_THREAD_LOST' });
    expect((await lost.promise).message).toContain('exit code 3');
    await threads.stop();
  });

  it('begin with a large young generation, which threads that are started later do not', async () => {
    const world = new World();
    const { settings } = world.context;
    const threads = new ServingThreads({ count: 2, settings, onLost: () => undefined, program: HEAP });
    const { port: mebibytes } = new URL(await threads.open(ADDRESS, served(world)));
    await threads.stop();
    const later = new Worker(HEAP);
    later.postMessage({ kind: 'listen' }, []);
    const [{ url }] = (await once(later, 'message')) as [{ url: string }];
    await later.terminate();
    expect(Number(mebibytes)).toBeGreaterThanOrEqual(16);
    expect(Number(new URL(url).port)).toBeLessThan(16);
  });

  it('refuse a port on which somebody listens already', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', reusePort: true }, resolve));
    const { port } = server.address() as AddressInfo;
    const world = new World();
    const threads = new ServingThreads({ count: 1, settings: world.context.settings, onLost: () => undefined });
    await expect(threads.open({ host: '127.0.0.1', port }, served(world))).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    });
    await threads.stop();
    server.close();
  });
});
