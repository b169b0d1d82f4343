import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

import { PlainReply } from './plain-reply.ts';
import { PlainRequestReader } from './plain-request.ts';
import type { PlainRequest } from './plain-request.ts';

/** What all connections of a server have in common. */
export interface ConnectionRules {
  readonly paths: { has(path: string): boolean };
  /** Fills the reply. Must not throw. */
  readonly answer: (request: PlainRequest, reply: PlainReply, socket: Socket) => Promise<void>;
  /** Gives a connection to the server that can do everything; what was received stands in the socket again. */
  readonly handOver: (socket: Socket) => void;
  /** Called once, when the connection has ended or was handed over. */
  readonly onGone: (connection: PlainConnection) => void;
  /** The `Date` header's value. */
  readonly date: () => string;
  /** Whether a connection that its client keeps should be closed all the same, for the client to open another one. */
  readonly shouldMove: () => boolean;
  /** How long a connection may be idle, milliseconds. */
  readonly keepAliveMs: number;
}

/** A plain request may come in this many pieces, such as a head and a body. */
const MOST_PIECES = 4;

/**
 * One connection while all its requests are plain: they are answered one after the other, without a parser's and a server's objects.
 * The first bytes that are no plain request, or do not become one soon, give the connection away for good.
 */
export class PlainConnection {
  readonly #socket: Socket;
  readonly #rules: ConnectionRules;
  readonly #reader: PlainRequestReader;
  /** What came and has not been answered. */
  #received: Buffer | undefined;
  #atLeast = 0;
  #pieces = 0;
  #isAnswering = false;
  /** Whether its client came back after a reply: others may never ask again, and gain nothing from being sent away. */
  #isKept = false;
  #hasEnded = false;
  #isClosing = false;

  constructor(socket: Socket, rules: ConnectionRules) {
    this.#socket = socket;
    this.#rules = rules;
    this.#reader = new PlainRequestReader(rules.paths);
    socket.on('data', this.#onData).on('end', this.#onEnd).on('timeout', this.#onTimeout);
    socket.on('error', ignoreError).on('close', this.#onClose);
    socket.setTimeout(rules.keepAliveMs);
  }

  /** Ends the connection after the request that is under way. One that has not come whole is no longer this path's concern. */
  close(): void {
    this.#isClosing = true;
    if (this.#isAnswering) return;
    if (this.#received === undefined || this.#hasEnded) this.#socket.destroySoon();
    else this.#handOver();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk]);
    if (this.#isAnswering) this.#socket.pause();
    else this.#next();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (!this.#isAnswering) this.#socket.end();
  };

  readonly #onTimeout = (): void => {
    const isBlocked = this.#socket.writableNeedDrain;
    if (this.#isAnswering && !isBlocked) return;
    if (isBlocked || this.#received === undefined) this.#socket.destroy();
    else this.#handOver();
  };

  readonly #onClose = (): void => this.#rules.onGone(this);

  #next(): void {
    const received = this.#received;
    if (received === undefined) return;
    this.#pieces += 1;
    if (received.length < this.#atLeast && this.#pieces < MOST_PIECES) return;
    const request = this.#reader.read(received);
    if (request !== undefined && 'path' in request) {
      this.#received = received.length > request.end ? received.subarray(request.end) : undefined;
      this.#pieces = 0;
      this.#atLeast = 0;
      void this.#answer(request);
    } else if (request !== undefined && this.#pieces < MOST_PIECES) {
      this.#atLeast = request.atLeast;
    } else {
      this.#handOver();
    }
  }

  async #answer(request: PlainRequest): Promise<void> {
    const { answer, date, keepAliveMs, shouldMove } = this.#rules;
    const reply = new PlainReply();
    this.#isAnswering = true;
    await answer(request, reply, this.#socket);
    const isLast =
      this.#isClosing || (this.#received === undefined && (this.#hasEnded || (this.#isKept && shouldMove())));
    this.#isKept = true;
    const stay = isLast ? 'close' : `keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}`;
    const isTaken = this.#write(reply, `Date: ${date()}\r\nConnection: ${stay}\r\n`);
    if (isLast) this.#socket.destroySoon();
    else if (isTaken) this.#goOn();
    else this.#socket.once('drain', this.#goOn);
  }

  /** Answers whether there is room for more. */
  #write(reply: PlainReply, connection: string): boolean {
    const socket = this.#socket;
    if (socket.destroyed) {
      reply.onFinish?.();
      return true;
    }
    const [first = '', second] = reply.write(connection);
    if (second === undefined) return socket.write(first, 'latin1', reply.onFinish);
    socket.cork();
    socket.write(first, 'latin1');
    const isTaken = socket.write(second, reply.onFinish);
    socket.uncork();
    return isTaken;
  }

  readonly #goOn = (): void => {
    const socket = this.#socket;
    this.#isAnswering = false;
    if (socket.destroyed) return; // nobody waits for what else was asked
    if (this.#isClosing) {
      this.close(); // while the reply waited for its reader
      return;
    }
    if (socket.isPaused()) socket.resume();
    this.#next();
    if (this.#hasEnded && !this.#isAnswering) socket.end(); // the rest will never be a request
  };

  #handOver(): void {
    const socket = this.#socket;
    if (this.#hasEnded) return; // nobody can read from it any more
    socket.off('data', this.#onData).off('end', this.#onEnd).off('timeout', this.#onTimeout);
    socket.off('error', ignoreError).off('close', this.#onClose);
    socket.setTimeout(0);
    socket.pause();
    if (this.#received !== undefined) socket.unshift(this.#received);
    this.#rules.onGone(this);
    this.#rules.handOver(socket);
    socket.resume();
  }
}

/** `close` follows, and nobody is left to tell. */
function ignoreError(): void {
  // nothing to do
}
