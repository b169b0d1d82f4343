import { Buffer } from 'node:buffer';

import { InternalError } from '@holdfast/base';

import type { RouteReply } from '../route-messages.ts';
import { UNTYPED } from '../untyped-reply.ts';

// Not imported: see reference-fallbacks.ts.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** What no header may hold (RFC 9110, section 5.5): with a line break somebody could write headers or a reply of their own. */
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff]/;

/** A reply on the fast path. */
export class PlainReply implements RouteReply {
  statusCode = 200;
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  #payload: string | Uint8Array | undefined;
  #onFinish: (() => void) | undefined;

  code(statusCode: number): this {
    this.statusCode = statusCode;
    return this;
  }

  /** @throws InternalError HEADER_VALUE_INVALID when the value has control characters or is no Latin-1 */
  header(name: string, value: string): this {
    if (FORBIDDEN.test(value)) {
      throw new InternalError('HEADER_VALUE_INVALID', `the value of header ${name} cannot be sent`);
    }
    const key = name.toLowerCase();
    const known = this.#names.indexOf(key);
    if (known < 0) {
      this.#names.push(key);
      this.#values.push(value);
    } else this.#values[known] = value;
    return this;
  }

  /** Text is sent as UTF-8. */
  send(payload: string | Uint8Array): this {
    this.#payload = payload;
    return this;
  }

  /** Where handlers find out that the bytes of their reply are not needed any more. */
  get raw(): { once: (event: 'finish', listener: () => void) => void } {
    return {
      once: (_event, listener) => {
        this.#onFinish = listener;
      },
    };
  }

  get onFinish(): (() => void) | undefined {
    return this.#onFinish;
  }

  /**
   * The reply as pieces to be sent one after the other: one piece if its payload is ASCII text. Pieces of text are Latin-1.
   * @param connection What the head says of the connection: its last lines, with line breaks.
   */
  write(connection: string): readonly (string | Uint8Array)[] {
    const payload = this.#payload ?? '';
    const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
    let head = `HTTP/1.1 ${this.statusCode} ${STATUS_CODES[this.statusCode] ?? 'unknown'}\r\n`;
    for (let i = 0; i < this.#names.length; i += 1) {
      const value = this.#values[i] ?? '';
      if (value !== UNTYPED) head += `${this.#names[i]}: ${value}\r\n`;
    }
    head += `content-length: ${length}\r\n${connection}\r\n`;
    if (typeof payload !== 'string') return [head, payload];
    return length === payload.length ? [head + payload] : [head, Buffer.from(payload, 'utf8')];
  }
}
