import { Buffer } from 'node:buffer';
import { randomBytes, randomInt } from 'node:crypto';

import { toBase64 } from '@holdfast/base';
import { damagedBytes, damagedJson, damagedText } from '@holdfast/base/testing/fuzz';
import { ENVELOPED_ENDPOINTS } from '@holdfast/operator/testing';
import { encodeRequestEnvelope } from '@holdfast/uid2';
import type { KeyObject } from 'node:crypto';
import fc from 'fast-check';

/** One request that an operator should refuse, or answer as if nothing were strange about it. */
export interface StrangeRequest {
  readonly kind: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Sent without a length, in chunks. */
  readonly chunked?: boolean;
}

export interface Caller {
  readonly apiKey: string;
  readonly secret: KeyObject;
  readonly refreshToken: string;
}

const BODY_LIMIT = 1_048_576;

const PATHS = [
  ...ENVELOPED_ENDPOINTS.map(([path]) => path),
  '/v2/token/refresh',
  '/v2/token/client-generate',
  '/ops/healthcheck',
];

/** `total` requests of all kinds in random order; the same for the same seed, but for keys, times and nonces. */
export function strangeRequests(caller: Caller, total: number, seed: number): StrangeRequest[] {
  const part = (share: number): number => Math.ceil(total * share);
  const requests = [
    ...damagedPayloads(caller, part(0.4), seed),
    ...damagedEnvelopes(caller, part(0.17), seed + 1),
    ...damagedEnvelopeTexts(caller, part(0.13), seed + 2),
    ...damagedRefreshTokens(caller, part(0.1), seed + 3),
    ...strangeCredentials(caller, part(0.05), seed + 4),
    ...strangeTargets(caller, part(0.06), seed + 5),
    ...strangeHeaders(caller, part(0.07), seed + 6),
    ...hugeBodies(caller, part(0.01)),
    ...strangeTimes(caller, part(0.01)),
  ];
  for (let index = requests.length - 1; index > 0; index -= 1) {
    const other = randomInt(index + 1);
    const [a, b] = [requests[index], requests[other]];
    if (a !== undefined && b !== undefined) [requests[index], requests[other]] = [b, a];
  }
  return requests.slice(0, total);
}

function sealed(caller: Caller, json: string, nowMs = Date.now()): Uint8Array {
  return encodeRequestEnvelope({ nowMs, nonce: randomBytes(8), json }, caller.secret, (length) => randomBytes(length));
}

function bearer(caller: Caller, contentType = 'application/octet-stream'): Record<string, string> {
  return { authorization: `Bearer ${caller.apiKey}`, 'content-type': contentType };
}

function damagedPayloads(caller: Caller, count: number, seed: number): StrangeRequest[] {
  const each = Math.ceil(count / ENVELOPED_ENDPOINTS.length);
  return ENVELOPED_ENDPOINTS.flatMap(([path, valid], index) =>
    fc.sample(damagedJson(valid), { numRuns: each, seed: seed + index }).map((json, run) => {
      const body = sealed(caller, json);
      const isText = run % 3 === 0;
      return {
        kind: 'payload',
        method: 'POST',
        path,
        headers: bearer(caller, isText ? 'text/plain' : 'application/octet-stream'),
        body: isText ? toBase64(body) : body,
      };
    }),
  );
}

function damagedEnvelopes(caller: Caller, count: number, seed: number): StrangeRequest[] {
  const valid = sealed(caller, '{"email":"user@example.com"}');
  return fc
    .sample(damagedBytes(valid), { numRuns: count, seed })
    .map((body, run) => ({ kind: 'envelope', method: 'POST', path: endpoint(run), headers: bearer(caller), body }));
}

function damagedEnvelopeTexts(caller: Caller, count: number, seed: number): StrangeRequest[] {
  const valid = toBase64(sealed(caller, '{"email":["user@example.com"]}'));
  return fc.sample(damagedText(valid), { numRuns: count, seed }).map((body, run) => ({
    kind: 'envelope text',
    method: 'POST',
    path: endpoint(run),
    headers: bearer(caller, run % 2 === 0 ? 'text/plain' : 'application/x-www-form-urlencoded'),
    body,
  }));
}

function damagedRefreshTokens(caller: Caller, count: number, seed: number): StrangeRequest[] {
  return fc.sample(damagedText(caller.refreshToken), { numRuns: count, seed }).map((body, run) => ({
    kind: 'refresh token',
    method: 'POST',
    path: '/v2/token/refresh',
    headers: run % 2 === 0 ? bearer(caller, 'text/plain') : {},
    body,
  }));
}

/** Text that may stand in a header. */
function headerText(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7E\x80-\xFF]/g, '?').trim();
}

function strangeCredentials(caller: Caller, count: number, seed: number): StrangeRequest[] {
  const body = sealed(caller, '{}');
  return fc.sample(damagedText(`Bearer ${caller.apiKey}`), { numRuns: count, seed }).map((text, run) => ({
    kind: 'credential',
    method: 'POST',
    path: endpoint(run),
    headers: { authorization: headerText(text) },
    body,
  }));
}

function strangeTargets(caller: Caller, count: number, seed: number): StrangeRequest[] {
  const methods = ['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'POST'];
  return fc.sample(damagedText('/v2/token/generate'), { numRuns: count, seed }).map((text, run) => {
    const method = methods[run % methods.length] ?? 'GET';
    const printable = text.replaceAll(/[^\x21-\x7E]/g, '%20').replaceAll(/[#\\]/g, '.');
    const path = run % 4 === 0 ? (PATHS[run % PATHS.length] ?? '/') : `/${printable}`;
    const long = run % 25 === 0 ? `?q=${'x'.repeat(5000)}` : '';
    return { kind: 'target', method, path: path + long, headers: method === 'POST' ? bearer(caller) : {} };
  });
}

function strangeHeaders(caller: Caller, count: number, seed: number): StrangeRequest[] {
  const names = [
    'content-type',
    'accept',
    'origin',
    'x-uid2-client-version',
    'x-forwarded-for',
    'x-amzn-trace-id',
    'cookie',
  ];
  const body = toBase64(sealed(caller, '{"email":"user@example.com"}'));
  const values = fc.oneof(
    damagedText('multipart/form-data; boundary=x'),
    damagedText('text/plain; charset=utf-16le'),
    damagedText('https://publisher.example'),
    fc.string({ maxLength: 2000 }),
  );
  return fc.sample(values, { numRuns: count, seed }).map((value, run) => ({
    kind: 'header',
    method: 'POST',
    path: endpoint(run),
    headers: { ...bearer(caller, 'text/plain'), [names[run % names.length] ?? 'accept']: headerText(value) },
    body,
  }));
}

function hugeBodies(caller: Caller, count: number): StrangeRequest[] {
  return Array.from({ length: count }, (_, run) => ({
    kind: 'huge body',
    method: 'POST',
    path: run % 2 === 0 ? '/v3/identity/map' : '/v2/token/generate',
    headers: run % 3 === 0 ? {} : bearer(caller),
    body: new Uint8Array(BODY_LIMIT + 1 + run * 1000),
    chunked: run % 4 === 0,
  }));
}

/** Envelopes that are right but too old, from the future, or of a time that is none. */
function strangeTimes(caller: Caller, count: number): StrangeRequest[] {
  const times = [0, -1, Date.now() - 121_000, Date.now() + 125_000, 2 ** 52, -(2 ** 52)];
  return Array.from({ length: count }, (_, run) => ({
    kind: 'time',
    method: 'POST',
    path: endpoint(run),
    headers: bearer(caller),
    body: sealed(caller, '{"email":"user@example.com"}', times[run % times.length]),
  }));
}

function endpoint(run: number): string {
  return ENVELOPED_ENDPOINTS[run % ENVELOPED_ENDPOINTS.length]?.[0] ?? '/v2/token/generate';
}

/** Bytes that are no HTTP, or HTTP that breaks off or contradicts itself. */
export function strangeBytes(count: number): readonly Buffer[] {
  const post = 'POST /v2/token/generate HTTP/1.1\r\nHost: a\r\n';
  const shapes: readonly (() => string | Buffer)[] = [
    () => randomBytes(200),
    () => 'GET\r\n\r\n',
    () => 'GET /ops/healthcheck HTTP/9.9\r\nHost: a\r\n\r\n',
    () => 'GET /ops/healthcheck HTTP/1.1\r\n\r\n',
    () => 'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n',
    () => 'GET /ops/health\u0000check HTTP/1.1\r\nHost: a\r\n\r\n',
    () => `GET /ops/healthcheck HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
    () => `${post}Content-Length: -1\r\n\r\n`,
    () => `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
    () => `${post}Content-Length: 100\r\n\r\nshort`,
    () => `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n`,
    () => `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    () => `${post}Transfer-Encoding: gzip\r\n\r\nhello`,
    () => `${post}Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}`,
    () => `${post}Bad Header: x\r\n\r\n`,
    () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ];
  return Array.from({ length: count }, (_, run) => Buffer.from(shapes[run % shapes.length]?.() ?? ''));
}
