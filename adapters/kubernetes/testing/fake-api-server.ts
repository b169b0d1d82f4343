import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** A request as the server got it. */
export interface ReceivedCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Common name of the client's certificate. */
  readonly clientName: string | undefined;
}

export type Handler = (call: ReceivedCall, response: ServerResponse) => void;

/** A server that knows a few kinds; everything else is answered by the handler of the test. */
export interface FakeApiServer {
  readonly url: string;
  readonly received: readonly ReceivedCall[];
  use(handler: Handler): void;
  close(): Promise<void>;
}

const GROUPS: Readonly<Record<string, readonly object[]>> = {
  '/api/v1': [
    { name: 'namespaces', kind: 'Namespace', namespaced: false },
    { name: 'pods', kind: 'Pod', namespaced: true },
    { name: 'pods/log', kind: 'Pod', namespaced: true },
    { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
  ],
  '/apis/apps/v1': [{ name: 'deployments', kind: 'Deployment', namespaced: true }],
};

/** Starts the server on a free port of the loopback interface; with `tls`, over TLS. */
export async function startFakeApiServer(tls?: ServerOptions): Promise<FakeApiServer> {
  const received: ReceivedCall[] = [];
  let handler: Handler = (_, response) => sendStatus(response, 501, 'NotScripted');
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://fake');
      const subject = tls === undefined ? undefined : (request.socket as TLSSocket).getPeerCertificate().subject;
      const call: ReceivedCall = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        clientName: subject?.CN as string | undefined,
      };
      const resources = GROUPS[call.path];
      if (resources !== undefined) {
        sendJson(response, { kind: 'APIResourceList', resources });
        return;
      }
      received.push(call);
      handler(call, response);
    });
  };
  const server: Server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    received,
    use: (next) => {
      handler = next;
      received.length = 0;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** A refusal, as the API server words it. */
export function sendStatus(response: ServerResponse, code: number, reason: string, details: object = {}): void {
  sendJson(
    response,
    { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `said ${reason}`, reason, code, details },
    code,
  );
}

/** A kubeconfig with one cluster, context and user. */
export function kubeconfigFor(parts: {
  readonly server: string;
  readonly cluster?: object;
  readonly user?: object;
  readonly namespace?: string;
}): string {
  const { server, cluster, user, namespace } = parts;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user: user ?? {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', ...(namespace === undefined ? {} : { namespace }) } }],
    'current-context': 'x',
  });
}
