import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';

import { afterEach, describe, expect, it } from 'vitest';

import { createApp, HttpClient, listen } from '../src/index.ts';

const servers: Server[] = [];
const client = new HttpClient();

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe('HttpClient', () => {
  it('answers status, headers and body, and does not follow redirects', async () => {
    const url = await serve((request, response) => {
      response
        .writeHead(302, { location: '/elsewhere', 'x-seen': String(request.headers['authorization']) })
        .end('moved');
    });
    const answer = await client.send({ url, headers: { authorization: 'Bearer k' }, timeoutMs: 5_000 });
    expect([answer.status, answer.headers['x-seen'], Buffer.from(answer.body).toString()]).toEqual([
      302,
      'Bearer k',
      'moved',
    ]);
  });

  it('gives up at its deadline when a server accepts and stays silent, or sends half an answer', async () => {
    const silent = await serve(() => {});
    const halting = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half');
    });
    for (const url of [silent, halting]) {
      await expect(client.send({ url, timeoutMs: 50 })).rejects.toMatchObject({
        code: 'HTTP_TIMEOUT',
        retryable: true,
      });
    }
  });

  it('says which host is unreachable, and not which path', async () => {
    const url = await serve(() => {});
    const server = servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    await expect(client.send({ url: `${url}/signed?sig=canary`, timeoutMs: 5_000 })).rejects.toSatisfy(
      (error: Error & { code: string }) =>
        error.code === 'HTTP_UNREACHABLE' && error.message.includes(url) && !error.message.includes('canary'),
    );
  });

  it('stops reading an answer that is too large', async () => {
    const url = await serve((_request, response) => response.end(Buffer.alloc(1000)));
    await expect(client.send({ url, timeoutMs: 5_000, maxBytes: 999 })).rejects.toMatchObject({
      code: 'HTTP_ANSWER_TOO_LARGE',
    });
  });
});

it('listen names the port that is in use', async () => {
  const url = await serve(() => {});
  const port = Number(new URL(url).port);
  await expect(listen(createApp({ bodyLimitBytes: 1 }), { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: `port ${port} on 127.0.0.1 is already in use`,
  });
});
