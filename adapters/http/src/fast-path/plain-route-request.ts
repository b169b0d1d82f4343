import type { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

import type { RouteRequest } from '../route-messages.ts';
import type { PlainRequest } from './plain-request.ts';

const NO_QUERY = Object.freeze({});

/** A plain request as handlers see it. */
export class PlainRouteRequest implements RouteRequest {
  readonly method = 'POST';
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly query: unknown = NO_QUERY;
  readonly routeOptions: { readonly url: string };
  readonly #socket: Socket;

  constructor({ path, headers, body }: PlainRequest, socket: Socket) {
    this.url = path;
    this.headers = headers;
    this.body = body;
    this.routeOptions = { url: path };
    this.#socket = socket;
  }

  get ip(): string {
    return this.#socket.remoteAddress ?? '';
  }
}
