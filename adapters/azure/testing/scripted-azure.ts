import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createDefaultHttpClient } from '@azure/core-rest-pipeline';
import type { HttpClient } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';

/** A request as the server got it. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly url: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The host that the client meant to talk to. */
  readonly host: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, or as it is when it is a text. */
  readonly body?: unknown;
  /** The connection is cut instead of an answer. */
  readonly cut?: boolean;
  /** Nothing is answered at all. */
  readonly silent?: boolean;
}

export type Script = (request: ReceivedRequest) => ScriptedAnswer | undefined;

/** Answers the official clients as a script says, and keeps what they sent. */
export interface ScriptedAzure {
  readonly received: readonly ReceivedRequest[];
  /** Sends every request of an SDK to this server, whatever its host; URLs stay as the SDK knows them. */
  readonly httpClient: HttpClient;
  readonly credential: TokenCredential;
  /** Answers come from here from now on; what it does not know is a failure of the test, answered with 501. */
  use(script: Script): void;
  close(): Promise<void>;
}

const ORIGINAL_HOST = 'x-test-original-host';

/** Starts the server on a free port of the loopback interface. */
export async function startScriptedAzure(): Promise<ScriptedAzure> {
  const received: ReceivedRequest[] = [];
  let script: Script = () => undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://script');
      const seen: ReceivedRequest = {
        method: request.method ?? '',
        url: request.url ?? '',
        path: url.pathname,
        query: url.searchParams,
        host: request.headers[ORIGINAL_HOST] as string | undefined,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      received.push(seen);
      const answer = script(seen) ?? { status: 501, body: { error: { code: 'NotScripted', message: seen.url } } };
      if (answer.silent === true) return;
      if (answer.cut === true) {
        request.socket.destroy();
        return;
      }
      const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
      response.writeHead(answer.status ?? 200, {
        'content-type': 'application/json; charset=utf-8',
        ...answer.headers,
      });
      response.end(answer.body === undefined ? undefined : text);
    });
  });
  const port = await listening(server);
  return {
    received,
    httpClient: rewritingClient(port),
    credential: { getToken: () => Promise.resolve({ token: testToken(), expiresOnTimestamp: EXPIRES }) },
    use: (next) => {
      script = next;
      received.length = 0;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Far enough for the SDKs to keep the token. */
export const EXPIRES = 4_102_444_800_000;

/** A token as Entra ID makes them, without a signature. */
export function testToken(): string {
  const claims = { oid: 'caller-object-id', tid: 'tenant-id', exp: EXPIRES / 1_000 };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
}

function rewritingClient(port: number): HttpClient {
  const real = createDefaultHttpClient();
  return {
    sendRequest: async (request) => {
      const original = request.url;
      const url = new URL(original);
      request.headers.set(ORIGINAL_HOST, url.host);
      request.url = `http://127.0.0.1:${port}${url.pathname}${url.search}`;
      request.allowInsecureConnection = true;
      try {
        return await real.sendRequest(request);
      } finally {
        request.url = original;
      }
    },
  };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  return (server.address() as AddressInfo).port;
}
