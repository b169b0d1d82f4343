import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import type { ConnectionBalance } from './connection-balance.ts';
import { PlainConnection } from './plain-connection.ts';
import type { ConnectionRules } from './plain-connection.ts';
import type { PlainReply } from './plain-reply.ts';
import type { PlainRequest } from './plain-request.ts';
import type { PlainRouteRequest } from './plain-route-request.ts';

export interface FastPathOptions<Request extends PlainRouteRequest> {
  /** Makes what handlers get from what was read. */
  readonly createRequest: (received: PlainRequest, socket: Socket) => Request;
  /** Fills the reply of a handler that threw. Must not throw. */
  readonly onFailure: (error: unknown, request: Request, reply: PlainReply) => void;
  /** Called for every request when its reply is filled. Must not throw. */
  readonly onResponse: (request: Request, reply: PlainReply) => void;
  /** How long a connection may be idle, milliseconds. */
  readonly keepAliveMs: number;
  /** When other threads share the port. */
  readonly connections?: ConnectionBalance;
}

/** Fills the reply to a plain request. */
export type PlainHandler<Request> = (request: Request, reply: PlainReply) => Promise<unknown>;

/**
 * Answers requests of one simple form straight from the socket, in a third of the processor time that `node:http` takes to read and
 * answer them, and gives every other connection to `node:http`, with what was read of it. So whatever is unusual, malformed or slow is
 * dealt with where it always was, and a handler's reply has the same bytes on either way.
 */
export class FastPath<Request extends PlainRouteRequest> {
  readonly #options: FastPathOptions<Request>;
  readonly #handlers = new Map<string, PlainHandler<Request>>();
  readonly #connections = new Set<PlainConnection>();
  #isClosing = false;

  constructor(options: FastPathOptions<Request>) {
    this.#options = options;
  }

  /** Takes `POST` requests of exactly this path. */
  post(path: string, handler: PlainHandler<Request>): void {
    this.#handlers.set(path, handler);
  }

  /** Takes the connections of a server that has not been opened yet; its own listeners get those that are given away. */
  attach(server: Server): void {
    const { keepAliveMs, connections } = this.#options;
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    const rules: ConnectionRules = {
      paths: this.#handlers,
      answer: (received, reply, socket) => this.#answer(received, reply, socket),
      handOver: (socket) => {
        for (const listener of listeners) listener.call(server, socket);
      },
      onGone: (connection) => this.#connections.delete(connection),
      date: createDate(),
      shouldMove: () => connections?.shouldMove() ?? false,
      keepAliveMs,
    };
    server.on('connection', (socket: Socket) => {
      if (connections !== undefined) {
        connections.opened();
        socket.once('close', () => connections.closed());
      }
      const connection = new PlainConnection(socket, rules);
      this.#connections.add(connection);
      if (this.#isClosing) connection.close();
    });
  }

  /** Ends idle connections now and the others after their request. */
  close(): void {
    this.#isClosing = true;
    for (const connection of this.#connections) connection.close();
  }

  async #answer(received: PlainRequest, reply: PlainReply, socket: Socket): Promise<void> {
    const { createRequest, onFailure, onResponse } = this.#options;
    const request = createRequest(received, socket);
    try {
      await this.#handlers.get(received.path)?.(request, reply);
    } catch (error) {
      onFailure(error, request, reply);
    }
    onResponse(request, reply);
  }
}

/** The time of day as HTTP writes it (RFC 9110, section 5.6.7), made once a second. */
function createDate(): () => string {
  let second = 0;
  let text = '';
  return () => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      text = new Date(now * 1000).toUTCString();
    }
    return text;
  };
}
