import { Buffer } from 'node:buffer';

import { createApp } from '@holdfast/http/serving';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { ArmFault, errorBody } from './arm-fault.ts';
import type { Fault } from './fault-plan.ts';
import { isObject } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { deploymentRoutes } from './routes/deployments.ts';
import { groupRoutes } from './routes/groups.ts';
import { providerRoutes } from './routes/provider-lists.ts';
import { resourceRoutes } from './routes/resources.ts';
import { subscriptionRoutes } from './routes/subscription.ts';
import { dispatch, parseTarget, queryValue } from './routing.ts';
import type { ArmAnswer, ArmRequest } from './routing.ts';
import type { ArmWorld } from './world.ts';

const MAX_BODY_BYTES = 4 * 1024 * 1024;
const JSON_TYPE = 'application/json; charset=utf-8';
const routes = [...subscriptionRoutes, ...deploymentRoutes, ...groupRoutes, ...providerRoutes, ...resourceRoutes];

export interface ArmAppOptions {
  /** PEM. The Azure SDKs insist on https unless their client is told otherwise. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/**
 * Azure Resource Manager over a world. Requests are executed one after the other, in the order of their arrival.
 * Errors are answers in Azure's envelope: `{"error": {"code", "message", …}}`.
 */
export function buildArmApp(world: ArmWorld, options: ArmAppOptions = {}): FastifyInstance {
  const app = createApp({ bodyLimitBytes: MAX_BODY_BYTES, ...options });
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = async (work: () => Promise<ArmAnswer>): Promise<ArmAnswer> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined); // the next request does not care how this one ended
    return mine;
  };
  app.setErrorHandler(async (error, _request, reply) => {
    const fault = faultOf(error);
    return send(reply, faultAnswer(fault), {});
  });
  app.all('/*', async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const recorded = world.recorder.begin(request.method, request.url, jsonOf(request));
    const fault = world.faults.next(request.method, path);
    if (fault?.kind === 'held') await fault.until;
    if (fault?.kind === 'reset') return breakOff(reply);
    const before = revisionOf(world);
    const answer = await inTurn(async () => answerTo(world, request, fault));
    recorded.status = answer.status;
    recorded.answer = answer.body === undefined ? '' : JSON.stringify(answer.body);
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (!reads || revisionOf(world) !== before) world.onChange();
    if (fault?.kind === 'answer-lost') return breakOff(reply);
    const headers = wireHeaders(world, request, fault);
    if (fault?.kind === 'truncated') return truncated(reply, answer, headers, fault.bytes);
    return send(reply, answer, headers);
  });
  return app;
}

/** Looking moves operations on, so that a read may change something as well. */
function revisionOf({ store, operations, registrations }: ArmWorld): string {
  return `${store.revision} ${operations.revision} ${registrations.revision}`;
}

async function answerTo(world: ArmWorld, request: FastifyRequest, fault: Fault | undefined): Promise<ArmAnswer> {
  try {
    if (fault?.kind === 'status') {
      const { status, code = 'InjectedFault', message = 'A fault that a test planned.', headers = {} } = fault;
      throw new ArmFault(status, code, message, { headers });
    }
    await world.operations.settleDue();
    if (fault?.kind === 'operation-forgotten') {
      world.operations.forget(parseTarget(request.url).path.split('/').at(-1) ?? '');
    }
    const answer = await executed(world, request);
    return fault?.kind === 'delivered-twice' ? await executed(world, request) : answer;
  } catch (error) {
    return faultAnswer(faultOf(error));
  }
}

async function executed(world: ArmWorld, request: FastifyRequest): Promise<ArmAnswer> {
  const armRequest = await readRequest(world, request);
  const answer = await dispatch(routes, armRequest);
  if (answer !== undefined) return answer;
  throw new ArmFault(
    405,
    'HttpMethodNotAllowed',
    `The method ${armRequest.method} is not allowed for ${armRequest.path}.`,
  );
}

/** Who asks comes first, then the version, then everything else. */
async function readRequest(world: ArmWorld, request: FastifyRequest): Promise<ArmRequest> {
  await mustBeBelieved(world, request.headers.authorization);
  const { path, query } = parseTarget(request.url);
  const apiVersion = queryValue(query, 'api-version');
  if (apiVersion === undefined || apiVersion === '') {
    const text = 'The api-version query parameter (?api-version=) is required for all requests.';
    throw new ArmFault(400, 'MissingApiVersionParameter', text);
  }
  if (!/^\d{4}-\d{2}-\d{2}(-[a-z]+)?$/i.test(apiVersion)) {
    throw new ArmFault(400, 'InvalidApiVersionParameter', `The api-version '${apiVersion}' is invalid.`);
  }
  return {
    world,
    method: request.method,
    path,
    query,
    apiVersion,
    body: bodyOf(request),
    headers: { 'if-match': request.headers['if-match'] },
    origin: world.origin ?? `${request.protocol}://${request.headers.host ?? ''}`,
  };
}

async function mustBeBelieved(world: ArmWorld, header: string | undefined): Promise<void> {
  if (world.authorize === undefined) return;
  const judged = await world.authorize(header);
  if ('objectId' in judged) return;
  const missing = header === undefined;
  const tenant = world.subscriptions[0]?.tenantId ?? '';
  const text = missing ? `Authentication failed. The 'Authorization' header is missing.` : judged.refused;
  throw new ArmFault(401, missing ? 'AuthenticationFailed' : 'InvalidAuthenticationToken', text, {
    headers: {
      'WWW-Authenticate': `Bearer authorization_uri="https://login.windows.net/${tenant}", error="invalid_token", error_description="${text.replaceAll('"', "'")}"`,
    },
  });
}

function bodyOf(request: FastifyRequest): JsonObject | undefined {
  const value = jsonOf(request);
  if (value === undefined || isObject(value)) return value;
  throw new ArmFault(400, 'InvalidRequestContent', 'The request content was invalid and could not be deserialized.');
}

/** The body as JSON; undefined without one. Text that is no JSON is answered later, and recorded as text. */
function jsonOf(request: FastifyRequest): JsonValue | undefined {
  const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

function faultOf(error: unknown): ArmFault {
  if (error instanceof ArmFault) return error;
  const status = (error as { statusCode?: unknown }).statusCode;
  if (status === 413) return new ArmFault(413, 'RequestContentTooLarge', 'The request content is larger than 4 MiB.');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new ArmFault(status, 'BadRequest', 'The request cannot be read.');
  }
  return new ArmFault(500, 'InternalServerError', 'Encountered internal server error.');
}

function faultAnswer(fault: ArmFault): ArmAnswer {
  return { status: fault.status, body: { error: errorBody(fault) }, headers: fault.options.headers ?? {} };
}

function wireHeaders(world: ArmWorld, request: FastifyRequest, fault: Fault | undefined): Record<string, string> {
  const skew = fault?.kind === 'clock-skew' ? fault.seconds : 0;
  const kind = request.method === 'GET' || request.method === 'HEAD' ? 'reads' : 'writes';
  const sent = request.headers['x-ms-client-request-id'];
  return {
    'x-ms-request-id': world.uuid(),
    'x-ms-correlation-request-id': world.uuid(),
    ...(typeof sent === 'string' ? { 'x-ms-client-request-id': sent } : {}),
    [`x-ms-ratelimit-remaining-subscription-${kind}`]: '11999',
    Date: new Date(world.clock() + skew * 1000).toUTCString(),
    'Cache-Control': 'no-cache',
  };
}

async function send(reply: FastifyReply, answer: ArmAnswer, headers: Record<string, string>): Promise<FastifyReply> {
  reply.code(answer.status).headers({ ...headers, ...answer.headers });
  if (answer.body === undefined) return reply.send();
  return reply.header('Content-Type', JSON_TYPE).send(JSON.stringify(answer.body));
}

function breakOff(reply: FastifyReply): FastifyReply {
  reply.hijack();
  reply.raw.destroy();
  return reply;
}

/** Promises the whole body and breaks off inside it. */
function truncated(
  reply: FastifyReply,
  answer: ArmAnswer,
  headers: Record<string, string>,
  bytes: number,
): FastifyReply {
  const body = Buffer.from(JSON.stringify(answer.body ?? {}), 'utf8');
  reply.hijack();
  const all = { ...headers, ...answer.headers, 'Content-Type': JSON_TYPE, 'Content-Length': String(body.length) };
  reply.raw.writeHead(answer.status, all);
  reply.raw.write(body.subarray(0, bytes), () => reply.raw.destroy());
  return reply;
}
