import type { IncomingMessage } from 'node:http';

import { InternalError } from '@holdfast/base';
import { fastify } from 'fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';

import { dropMalformedContentType } from './media-type.ts';
import { useUntypedReplies } from './untyped-reply.ts';

export interface AppOptions {
  /** Largest request body in bytes; a longer one is answered with 413. */
  readonly bodyLimitBytes: number;
  /** Longest time a whole request may take to arrive, in milliseconds. */
  readonly requestTimeoutMs?: number;
  /** TLS key and certificate chain in PEM, and the oldest version if not Node's; plain HTTP when missing. */
  readonly tls?: {
    readonly key: string;
    readonly cert: string;
    readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
    readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
    /** Names as OpenSSL writes them, separated by colons. */
    readonly ciphers?: string;
    readonly ecdhCurve?: string;
  };
  /** Longest sum of request header bytes; 12 KiB when missing. */
  readonly maxHeaderBytes?: number;
  /** Which target a request is routed by, instead of its own without dot segments: for services that route by the raw path. */
  readonly rewriteUrl?: (request: IncomingMessage) => string;
}

const DOT_SEGMENT = /\/(?:\.|%2e)/i;

/** Longest request target, as the UID2 reference services limit it; above it the answer is 414. */
const MAX_URL_BYTES = 4096;

/** Longest sum of request header bytes, as the UID2 reference services limit it. */
const MAX_HEADER_BYTES = 8192 + 4096;

/**
 * A Fastify application with the serving rules all services share: case-sensitive paths, doubled slashes merged, dot
 * segments removed, one trailing slash ignored, no HEAD routes, and bodies of every content type delivered as the raw bytes that arrived
 * (`request.body` is a Buffer, or undefined when the request has none).
 */
export function createApp(options: AppOptions): FastifyInstance {
  const settings = {
    bodyLimit: options.bodyLimitBytes,
    requestTimeout: options.requestTimeoutMs ?? 30_000,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle' as const,
    return503OnClosing: false,
    // Without these Fastify loads two compilers of JSON schemas in every thread, which no route has a use for.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    rewriteUrl: options.rewriteUrl ?? ((request: IncomingMessage) => withoutDotSegments(request.url ?? '/')),
    // A path that is no URL never reaches a route or the error handler; Fastify's own answer would repeat the path.
    frameworkErrors: (_error: unknown, _request: unknown, reply: FastifyReply) => {
      const body = 'Bad Request';
      reply.raw.writeHead(400, { 'Content-Length': body.length }).end(body); // no hook runs for it
    },
    routerOptions: {
      caseSensitive: true,
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      // The router answers 404 to a longer path parameter; names of Azure resources reach 127 characters.
      maxParamLength: 1024,
    },
  };
  const app = (
    options.tls === undefined
      ? fastify({ ...settings, http: { maxHeaderSize: options.maxHeaderBytes ?? MAX_HEADER_BYTES } })
      : fastify({ ...settings, https: { ...options.tls, maxHeaderSize: options.maxHeaderBytes ?? MAX_HEADER_BYTES } })
  ) as FastifyInstance;
  useUntypedReplies(app);
  app.addHook('onRequest', (request, reply, done) => {
    if (request.url.length > MAX_URL_BYTES) {
      reply.code(414).send();
      return;
    }
    dropMalformedContentType(request.headers);
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  return app;
}

function noSchemas(): never {
  throw new InternalError('SCHEMA_UNSUPPORTED', 'a route has a schema, and nothing here compiles schemas');
}

/** RFC 3986 section 5.2.4, percent-encoded dots included. The query is left alone. */
function withoutDotSegments(url: string): string {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  if (!DOT_SEGMENT.test(path) || !path.startsWith('/')) return url;
  try {
    return new URL(`http://host${path}`).pathname + url.slice(path.length);
  } catch {
    return url; // no URL: the router refuses it
  }
}
