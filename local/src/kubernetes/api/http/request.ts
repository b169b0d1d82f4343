import type { FastifyReply, FastifyRequest } from 'fastify';

import type { KindInfo } from '../scheme/scheme.ts';
import { StatusError } from '../status.ts';
import type { User } from '../backend.ts';

/** A request of the API, its path taken apart. */
export interface ApiRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly headers: FastifyRequest['headers'];
  readonly body: Uint8Array | undefined;
  readonly user: User;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
  readonly reply: FastifyReply;
}

/** Path of a resource, of one object, or of something below it. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What follows the subresource, without a slash in front: only proxies have it. */
  readonly rest: string;
}

/** A request about a resource that is known. */
export interface ResourceRequest extends ApiRequest {
  readonly path: ResourcePath;
  readonly info: KindInfo;
}

/** Takes `/api/v1/namespaces/a/pods/b/log` apart; undefined when the path is none of a resource. */
export function parseResourcePath(pathname: string): ResourcePath | undefined {
  const segments = pathname.split('/').slice(1);
  const isCore = segments[0] === 'api';
  if (!isCore && segments[0] !== 'apis') return undefined;
  const head = isCore ? 2 : 3;
  if (segments.length <= head) return undefined;
  const names = segments.slice(0, head).map((segment) => decode(segment));
  const [group, version] = isCore ? ['', names[1] ?? ''] : [names[1] ?? '', names[2] ?? ''];
  let tail = segments.slice(head);
  let namespace: string | undefined;
  // `namespaces/a/pods` is the pods of a; `namespaces/a` and `namespaces/a/status` are the namespace itself.
  if (tail[0] === 'namespaces' && tail.length > 2 && !['status', 'finalize'].includes(tail[2] ?? '')) {
    namespace = decode(tail[1] ?? '');
    tail = tail.slice(2);
  }
  const [plural = '', name, subresource, ...rest] = tail;
  return {
    group,
    version,
    plural: decode(plural),
    namespace,
    name: name === undefined ? undefined : decode(name),
    subresource: subresource === undefined ? undefined : decode(subresource),
    // Slashes of the target's path may come escaped; the target gets them as slashes, as from the real API server.
    rest: encodeURI(decode(rest.join('/')))
      .replaceAll('?', '%3F')
      .replaceAll('#', '%23'),
  };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new StatusError('BadRequest', 'the path is not valid');
  }
}

export function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1' || value === 'True';
}

/** A query parameter that is a whole number. */
export function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,12}$/.test(text)) throw new StatusError('BadRequest', `${name}: ${JSON.stringify(text)} is not a number`);
  return Number(text);
}

/** Who owns the fields that a request writes: as said, or the first word of the user agent. */
export function fieldManagerOf(request: ApiRequest): string {
  const named = request.query.get('fieldManager');
  if (named !== null && named !== '') return named.slice(0, 128);
  const agent = request.headers['user-agent'] ?? 'unknown';
  return agent.split('/')[0]?.slice(0, 128) || 'unknown';
}

export function isDryRun(request: ApiRequest): boolean {
  const values = request.query.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) {
    throw new StatusError('BadRequest', `invalid dryRun value ${JSON.stringify(values)}: only All is supported`);
  }
  return values.length > 0;
}
