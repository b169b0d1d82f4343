import { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';

/** A whole request of the one form that the fast path reads. */
export interface PlainRequest {
  readonly path: string;
  /** Names in lower case, each once. */
  readonly headers: IncomingHttpHeaders;
  /** At least one byte, at most 16 KiB. */
  readonly body: Buffer;
  /** Where the next request begins in the bytes that were read. */
  readonly end: number;
}

/** The bytes are the beginning of a plain request, which has at least this many. */
export interface Unfinished {
  readonly atLeast: number;
}

/** A head that was read, without the digits of its length. */
interface Head {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Up to the body. */
  readonly bytes: Buffer;
  /** Where the digits of the length stand in it. */
  readonly digitsStart: number;
  readonly digitsEnd: number;
}

const START = 'POST /';
const VERSION = ' HTTP/1.1\r\n';
const HEAD_END = Buffer.from('\r\n\r\n');

/** Longest head and body. What is longer takes long enough for the common path not to matter. */
const LONGEST_HEAD = 8 * 1024;
const LONGEST_BODY = 16 * 1024;

/** All headers, with names and values narrower than RFC 9112 allows: whatever else there is, somebody else reads it. */
const HEADERS = /^(?:[a-zA-Z0-9-]+:[\t ]*[\t\x20-\x7e]*\r\n)*$/;

const LENGTH = 'content-length';
const DIGITS = /^[1-9][0-9]{0,4}$/;

/** Headers that change where a request ends, or what must be done before it is answered. */
const UNUSUAL = ['transfer-encoding', 'expect', 'upgrade', 'trailer'];

/**
 * Reads the requests of one connection if they are plain: `POST`, a path of `paths` as it stands, HTTP/1.1, each header once and in
 * visible ASCII, a host, a body of a length said beforehand, and a connection that stays. Never guesses: a request that could be
 * understood in two ways is not plain. Clients send the same head again and again, so the last one is remembered.
 * @see RFC 9112, sections 2 to 6
 */
export class PlainRequestReader {
  readonly #paths: { has(path: string): boolean };
  #last: Head | undefined;

  constructor(paths: { has(path: string): boolean }) {
    this.#paths = paths;
  }

  /** The request at the front of `bytes`; undefined if it is not plain, well formed or not. */
  read(bytes: Buffer): PlainRequest | Unfinished | undefined {
    let head = this.#last;
    if (head === undefined || !beginsWith(bytes, head)) {
      if (!START.startsWith(bytes.toString('latin1', 0, START.length))) return undefined;
      const headEnd = bytes.indexOf(HEAD_END);
      if (headEnd < 0) return bytes.length < LONGEST_HEAD ? { atLeast: bytes.length + 1 } : undefined;
      if (headEnd > LONGEST_HEAD) return undefined;
      head = readHead(bytes.subarray(0, headEnd + HEAD_END.length), this.#paths);
      if (head === undefined) return undefined;
      this.#last = head;
    }
    const digits = bytes.toString('latin1', head.digitsStart, head.digitsEnd);
    if (!DIGITS.test(digits) || Number(digits) > LONGEST_BODY) return undefined;
    const bodyStart = head.bytes.length;
    const end = bodyStart + Number(digits);
    if (bytes.length < end) return { atLeast: end };
    const headers = { ...head.headers };
    headers[LENGTH] = digits; // for a computed name within the literal V8 calls its runtime
    return { path: head.path, headers, body: bytes.subarray(bodyStart, end), end };
  }
}

/** Whether `bytes` begins with a head that is the same but for the digits of the length, which are as many. */
function beginsWith(bytes: Buffer, { bytes: head, digitsStart, digitsEnd }: Head): boolean {
  const { length } = head;
  return (
    bytes.length >= length &&
    bytes.compare(head, 0, digitsStart, 0, digitsStart) === 0 &&
    bytes.compare(head, digitsEnd, length, digitsEnd, length) === 0
  );
}

/** Reads a head up to its empty line; undefined when it is not that of a plain request. */
function readHead(bytes: Buffer, paths: { has(path: string): boolean }): Head | undefined {
  const text = bytes.toString('latin1', 0, bytes.length - 2);
  const pathEnd = text.indexOf(' ', START.length);
  const path = bytes.toString('latin1', START.length - 1, pathEnd);
  if (!paths.has(path) || !text.startsWith(VERSION, pathEnd)) return undefined;
  const linesStart = pathEnd + VERSION.length;
  const lines = text.slice(linesStart);
  if (!HEADERS.test(lines)) return undefined;
  const headers: IncomingHttpHeaders = {};
  let digitsStart = 0;
  let digitsEnd = 0;
  for (let at = 0; at < lines.length;) {
    const colon = lines.indexOf(':', at);
    const end = lines.indexOf('\r', colon);
    const name = lines.slice(at, colon).toLowerCase();
    if (name in headers) return undefined;
    const value = lines.slice(colon + 1, end).trim();
    const start = lines.indexOf(value, colon + 1) + linesStart;
    // Not a piece of the text: those V8 compares with others in its runtime.
    headers[name] = bytes.toString('latin1', start, start + value.length);
    if (name === LENGTH) {
      digitsStart = start;
      digitsEnd = start + value.length;
    }
    at = end + 2;
  }
  if (headers.host === undefined || headers[LENGTH] === undefined) return undefined;
  if (UNUSUAL.some((name) => name in headers)) return undefined;
  if ((headers.connection ?? 'keep-alive').toLowerCase() !== 'keep-alive') return undefined;
  return { path, headers, bytes, digitsStart, digitsEnd };
}
