import type { IncomingHttpHeaders } from 'node:http';

/** What handlers see of a request, whether Fastify or the fast path read it. */
export interface RouteRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The bytes that came, a Buffer; undefined when there is no body. */
  readonly body: unknown;
  readonly query: unknown;
  /** Address of the peer. */
  readonly ip: string;
  /** The path under which the handler was added; without `url` when there is no handler. */
  readonly routeOptions: { readonly url?: string | undefined };
}

/** What handlers do with a reply. */
export interface RouteReply {
  statusCode: number;
  /** Where to find out that the bytes of a large reply are not needed any more. */
  readonly raw: { once: (event: 'finish', listener: () => void) => unknown };
  code(statusCode: number): RouteReply;
  header(name: string, value: string): RouteReply;
  send(payload: string | Uint8Array): RouteReply;
}
