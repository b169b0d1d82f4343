import type { FastifyReply, FastifyRequest } from 'fastify';

import type { KubernetesAppOptions } from '../app.ts';
import type { RequestAttributes, User } from '../backend.ts';
import { StatusError } from '../status.ts';
import {
  AGGREGATED_TYPE,
  aggregatedDiscovery,
  groupDiscovery,
  groupList,
  resourceList,
  wantsAggregated,
} from './discovery.ts';
import { openApiDocument, openApiIndex } from './open-api-document.ts';
import { serveLog, serveProxy } from './pod-routes.ts';
import { isTrue, parseResourcePath } from './request.ts';
import type { ApiRequest, ResourceRequest } from './request.ts';
import {
  createObject,
  deleteCollection,
  deleteObject,
  existing,
  listObjects,
  patchObject,
  present,
  updateObject,
} from './resource-routes.ts';
import type { Answer } from './resource-routes.ts';
import { serveReview } from './reviews.ts';
import { serveBinding, serveEviction, serveScale, serveToken } from './subresources.ts';
import { serveWatch } from './watch.ts';

const VERSION = 'v1.34.2';

function versionBody(gitVersion: string): unknown {
  const [major = '1', minor = ''] = gitVersion.replace(/^v/, '').split('.');
  return {
    major,
    minor,
    gitVersion,
    gitCommit: '0000000000000000000000000000000000000000',
    gitTreeState: 'clean',
    buildDate: '2026-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'none',
    platform: 'linux/amd64',
  };
}

const HEALTH_PATHS = new Set(['/livez', '/readyz', '/healthz', '/livez/ping', '/readyz/ping']);

/** Answers one request of the API. Throws a `StatusError` for every refusal. */
export async function serveApi(
  options: KubernetesAppOptions,
  open: Set<() => void>,
  request: FastifyRequest,
  reply: FastifyReply,
  signal: AbortSignal,
): Promise<unknown> {
  const url = new URL(request.raw.url ?? '/', 'http://cluster');
  if (HEALTH_PATHS.has(url.pathname)) return reply.header('content-type', 'text/plain').send('ok');
  if (url.pathname === '/version') return sendJson(reply, 200, versionBody(options.version ?? VERSION));
  const published = request.method === 'GET' ? options.publicDocument?.(url.pathname) : undefined;
  if (published !== undefined) return sendJson(reply, 200, published);
  const user = await authenticatedUser(options, request);
  const api: ApiRequest = {
    method: request.method,
    query: url.searchParams,
    headers: request.headers,
    body: request.body === undefined || request.body === null ? undefined : (request.body as Uint8Array),
    user,
    signal,
    reply,
  };
  if (url.pathname === '/openapi/v2' && api.method === 'GET') {
    // kubectl asks here, in protobuf, for kinds that version 3 does not have: no bytes are a document without kinds.
    return reply
      .header('content-type', 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
      .send(Buffer.alloc(0));
  }
  const described = describe(options, url.pathname, api);
  if (described !== undefined) {
    if (api.method !== 'GET') throw methodNotAllowed(api.method);
    return sendJson(reply, 200, described.body, described.type);
  }
  const path = parseResourcePath(url.pathname);
  const info = path && options.store.scheme.resource(path.group, path.version, path.plural);
  if (path === undefined || info === undefined) {
    throw new StatusError('NotFound', 'the server could not find the requested resource');
  }
  const resource: ResourceRequest = { ...api, path: info.namespaced ? path : { ...path, namespace: undefined }, info };
  authorize(options, resource);
  return serveResource(options, open, resource);
}

async function authenticatedUser(options: KubernetesAppOptions, request: FastifyRequest): Promise<User> {
  const [, token] = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const user = token === undefined ? undefined : await options.authenticate(token);
  if (user === undefined) throw new StatusError('Unauthorized', 'Unauthorized');
  return user;
}

/** Discovery and OpenAPI; undefined for every other path. */
function describe(
  { store: { scheme } }: KubernetesAppOptions,
  pathname: string,
  request: ApiRequest,
): { readonly body: unknown; readonly type?: string } | undefined {
  const path = pathname.replace(/\/$/, '');
  if (path === '/api' || path === '/apis') {
    const core = path === '/api';
    if (wantsAggregated(request.headers.accept))
      return { body: aggregatedDiscovery(scheme, core), type: AGGREGATED_TYPE };
    return {
      body: core ? { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] } : groupList(scheme),
    };
  }
  if (path === '/openapi/v3') return { body: openApiIndex(scheme) };
  const found = describedBy(scheme, path);
  return found === undefined ? undefined : { body: found };
}

function describedBy(scheme: KubernetesAppOptions['store']['scheme'], path: string): unknown {
  const version = /^\/(?:api\/(v1)|apis\/([^/]+\/[^/]+))$/.exec(path);
  if (version !== null) return resourceList(scheme, version[1] ?? version[2] ?? '');
  const group = /^\/apis\/([^/]+)$/.exec(path);
  if (group !== null) return groupDiscovery(scheme, group[1] ?? '');
  return path.startsWith('/openapi/v3/') ? openApiDocument(scheme, path.slice('/openapi/v3/'.length)) : undefined;
}

function verbOf({ method, path, query }: ResourceRequest): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (isTrue(query.get('watch'))) return 'watch';
      return path.name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return path.name === undefined ? 'deletecollection' : 'delete';
    default:
      throw methodNotAllowed(method);
  }
}

function authorize(options: KubernetesAppOptions, request: ResourceRequest): void {
  const { path, user, info } = request;
  const attributes: RequestAttributes = {
    verb: verbOf(request),
    group: path.group,
    resource: path.plural,
    subresource: path.subresource,
    namespace: path.namespace,
    name: path.name,
  };
  if (options.authorize === undefined || options.authorize(user, attributes)) return;
  const resource = path.subresource === undefined ? path.plural : `${path.plural}/${path.subresource}`;
  const where = path.namespace === undefined ? 'at the cluster scope' : `in the namespace "${path.namespace}"`;
  const id = info.group === '' ? info.plural : `${info.plural}.${info.group}`;
  const named = path.name === undefined ? id : `${id} "${path.name}"`;
  throw new StatusError(
    'Forbidden',
    `${named} is forbidden: User "${user.username}" cannot ${attributes.verb} resource "${resource}" in API group "${path.group}" ${where}`,
    {
      ...(path.name === undefined ? {} : { name: path.name }),
      ...(path.group === '' ? {} : { group: path.group }),
      kind: path.plural,
    },
  );
}

async function serveResource(
  options: KubernetesAppOptions,
  open: Set<() => void>,
  request: ResourceRequest,
): Promise<unknown> {
  const { store } = options;
  const { path, info, reply } = request;
  if (info.transient) {
    if (request.method !== 'POST') throw methodNotAllowed(request.method);
    const allows = (user: User, attributes: Readonly<Record<string, unknown>>): boolean =>
      options.authorize === undefined || options.authorize(user, attributesOfReview(attributes));
    return sendAnswer(reply, await serveReview(request, options.authenticate, allows));
  }
  if (path.subresource !== undefined && path.subresource !== 'status') {
    return serveSubresource(options, request, path.subresource);
  }
  if (path.subresource === 'status' && !info.subresources.includes('status')) throw unknownPath();
  const verb = verbOf(request);
  if (verb === 'watch') {
    serveWatch(store, request, open);
    return reply;
  }
  return sendAnswer(reply, await serveVerb(store, request, verb));
}

async function serveVerb(
  store: KubernetesAppOptions['store'],
  request: ResourceRequest,
  verb: string,
): Promise<Answer> {
  const { path } = request;
  const isStatus = path.subresource === 'status';
  if ((verb === 'create' && path.name !== undefined) || (isStatus && verb === 'delete')) {
    throw methodNotAllowed(request.method);
  }
  switch (verb) {
    case 'list':
      return listObjects(store, request);
    case 'get':
      return { status: 200, body: present(store, request, existing(store, request)) };
    case 'create':
      return createObject(store, request);
    case 'update':
      if (path.name === undefined) throw methodNotAllowed('PUT');
      return updateObject(store, request);
    case 'patch':
      if (path.name === undefined) throw methodNotAllowed('PATCH');
      return patchObject(store, request);
    case 'delete':
      return deleteObject(store, request);
    default:
      return deleteCollection(store, request);
  }
}

async function serveSubresource(
  options: KubernetesAppOptions,
  request: ResourceRequest,
  subresource: string,
): Promise<unknown> {
  const { store, backend } = options;
  const { info, reply, method } = request;
  if (!info.subresources.includes(subresource)) throw unknownPath();
  const only = (...methods: readonly string[]): void => {
    if (!methods.includes(method)) throw methodNotAllowed(method);
  };
  switch (subresource) {
    case 'scale':
      only('GET', 'PUT', 'PATCH');
      return sendAnswer(reply, serveScale(store, request));
    case 'log':
      only('GET');
      await serveLog(store, backend, request);
      return reply;
    case 'proxy': {
      const answer = await serveProxy(store, backend, request);
      return reply.code(answer.status).headers(answer.headers).send(Buffer.from(answer.body));
    }
    case 'token':
      only('POST');
      return sendAnswer(reply, await serveToken(store, request, options.issueToken));
    case 'binding':
      only('POST');
      return sendAnswer(reply, serveBinding(store, request));
    case 'eviction':
      only('POST');
      return sendAnswer(reply, serveEviction(store, request));
    default:
      throw methodNotAllowed(method);
  }
}

function attributesOfReview(attributes: Readonly<Record<string, unknown>>): RequestAttributes {
  const text = (name: string): string | undefined => {
    const value = attributes[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    verb: text('verb') ?? '',
    group: text('group') ?? '',
    resource: text('resource') ?? '',
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  };
}

function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  return sendJson(reply, answer.status, answer.body);
}

function sendJson(reply: FastifyReply, status: number, body: unknown, type = 'application/json'): FastifyReply {
  return reply
    .code(status)
    .header('content-type', type)
    .header('cache-control', 'no-cache, private')
    .send(JSON.stringify(body));
}

function methodNotAllowed(method: string): StatusError {
  return new StatusError(
    'MethodNotAllowed',
    `the server does not allow this method on the requested resource: ${method}`,
  );
}

function unknownPath(): StatusError {
  return new StatusError('NotFound', 'the server could not find the requested resource');
}
