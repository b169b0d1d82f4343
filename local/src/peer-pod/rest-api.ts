import { formatJson } from '@holdfast/attestation';
import { fromBase64Url, InternalError, PlatformError, toUtf8 } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

import type { AttestationAgent } from './attestation-agent.ts';
import type { DataHub } from './data-hub.ts';

/** Which half of the interface is served. Images of peer pods serve all of it. */
export type RestApiFeature = 'resource' | 'attestation' | 'all';

export interface RestApiOptions {
  readonly agent: AttestationAgent;
  readonly hub: DataHub;
  readonly feature: RestApiFeature;
  readonly version: string;
  /** Told about failures; workloads get no more than a sentence. */
  readonly onFailure?: (path: string, error: PlatformError) => void;
}

interface RestAnswer {
  readonly status: number;
  readonly type?: 'application/json' | 'application/octet-stream';
  readonly body: string | Uint8Array;
}

interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
}

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const BODY_LIMIT_BYTES = 64 * 1024;
const BAD_REQUEST: RestAnswer = { status: 400, body: 'BAD REQUEST' };
const NOT_FOUND: RestAnswer = { status: 404, body: 'URL NOT FOUND' };
const NOT_ALLOWED: RestAnswer = { status: 405, body: 'METHOD NOT ALLOWED' };

const eventSchema = z.object({ domain: z.string(), operation: z.string(), content: z.string() });

/**
 * The HTTP interface of a guest for its workload, as api-server-rest of the Confidential Containers guest components serves it
 * on 127.0.0.1:8006: `/cdh/resource/…`, `/aa/token`, `/aa/evidence`, `/aa/additional-evidence`, `/aa/aael`, `/info`.
 */
export function buildRestApi(options: RestApiOptions): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT_BYTES });
  const handle = async (url: string, method: string, body: unknown): Promise<RestAnswer> => {
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
    try {
      return await answer(options, { method, path, query, body: body instanceof Uint8Array ? body : new Uint8Array() });
    } catch (cause) {
      const error =
        cause instanceof PlatformError ? cause : new InternalError('PEER_POD_INTERNAL', 'the guest failed', { cause });
      options.onFailure?.(path, error);
      return { status: 500, body: error.message };
    }
  };
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send(NOT_FOUND.body));
  app.route({
    method: ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'],
    url: '/*',
    handler: async (request, reply) => {
      // The interface knows no callers but the containers of the pod.
      if (!LOOPBACK.test(request.ip)) return reply.code(403).send('Forbidden');
      const { status, type, body } = await handle(request.originalUrl, request.method, request.body);
      if (type !== undefined) reply.type(type);
      return reply.code(status).send(typeof body === 'string' ? body : Buffer.from(body));
    },
  });
  return app;
}

async function answer(options: RestApiOptions, request: RestRequest): Promise<RestAnswer> {
  const { path } = request;
  if (path === '/info') return request.method === 'GET' ? info(options) : NOT_ALLOWED;
  if (path.startsWith('/cdh/')) {
    if (!path.startsWith('/cdh/resource/')) return NOT_FOUND;
    if (options.feature === 'attestation') return { status: 404, body: 'Resource Feature Not Enabled' };
    const body = await options.hub.getResource(path.slice('/cdh/resource/'.length));
    return { status: 200, type: 'application/octet-stream', body };
  }
  if (!path.startsWith('/aa/')) return NOT_FOUND;
  if (options.feature === 'resource') return { status: 404, body: 'Attestation Feature Not Enabled' };
  return answerAttestation(options, request);
}

async function answerAttestation({ agent }: RestApiOptions, request: RestRequest): Promise<RestAnswer> {
  switch (request.path) {
    case '/aa/token': {
      const type = request.query.get('token_type');
      if (type === null) return BAD_REQUEST;
      if (type !== 'kbs') return { status: 500, body: 'only tokens of the type kbs are supported' };
      const { token, keyPair } = await agent.token();
      return json({ token, tee_keypair: keyPair });
    }
    case '/aa/evidence': {
      const runtimeData = runtimeDataOf(request.query);
      return runtimeData === undefined ? BAD_REQUEST : json(agent.evidence(runtimeData));
    }
    case '/aa/additional-evidence':
      // There are no devices beside the CPU.
      return runtimeDataOf(request.query) === undefined ? BAD_REQUEST : json({});
    case '/aa/aael': {
      if (request.method !== 'POST') return NOT_ALLOWED;
      const event = eventOf(request.body);
      if (event === undefined) return BAD_REQUEST;
      agent.extend(event);
      return json({ success: 'true' });
    }
    default:
      return NOT_FOUND;
  }
}

function info({ agent, feature, version }: RestApiOptions): RestAnswer {
  return json({ version, tee: agent.machine.tee, additional_tees: [], feature });
}

function runtimeDataOf(query: URLSearchParams): Uint8Array | undefined {
  const text = query.get('runtime_data');
  if (text === null) return undefined;
  if (query.get('encoding') !== 'base64') return toUtf8(text);
  try {
    return fromBase64Url(text);
  } catch {
    return undefined; // the caller answers that the request is bad
  }
}

function eventOf(body: Uint8Array): z.output<typeof eventSchema> | undefined {
  try {
    return eventSchema.parse(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return undefined; // the caller answers that the request is bad
  }
}

function json(value: Parameters<typeof formatJson>[0]): RestAnswer {
  return { status: 200, type: 'application/json', body: formatJson(value) };
}
