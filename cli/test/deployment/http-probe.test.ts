import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createHttpProbe } from '../../src/deployment/http-probe.ts';

let server: Server;
let url: string;
let listener: RequestListener;
const probe = createHttpProbe();

beforeAll(async () => {
  server = createServer((request, response) => listener(request, response));
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ops/healthcheck`;
});
afterAll(async () => {
  await probe.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

describe('createHttpProbe', () => {
  it('answers status and body, and follows no redirect', async () => {
    listener = (_, response) => {
      response.writeHead(302, { location: 'http://elsewhere.example/' });
      response.end('moved');
    };
    expect(await probe.get(url, { timeoutMs: 5_000 })).toEqual({ status: 302, body: 'moved' });
  });

  it('reads no more than 64 KiB of a body without end', async () => {
    listener = (_, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(10_000)));
      };
      response.on('drain', more);
      more();
    };
    expect((await probe.get(url, { timeoutMs: 5_000 })).body).toBe('x'.repeat(65_536));
  });

  it('a server that is silent is PROBE_TIMEOUT, one that is not there PROBE_UNREACHABLE', async () => {
    listener = () => undefined;
    await expect(probe.get(url, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'PROBE_TIMEOUT', retryable: true });
    listener = (_, response) => response.destroy();
    await expect(probe.get(`${url}?key=canary`, { timeoutMs: 5_000 })).rejects.toMatchObject({
      code: 'PROBE_UNREACHABLE',
      details: { host: new URL(url).origin },
    });
  });

  it('an interruption rejects with the reason of the signal', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    listener = () => controller.abort(reason);
    await expect(probe.get(url, { timeoutMs: 5_000, signal: controller.signal })).rejects.toBe(reason);
  });
});
