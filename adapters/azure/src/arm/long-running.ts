import { setTimeout as sleep } from 'node:timers/promises';

import type { JsonValue } from '@holdfast/deployment';

import { operationFailed, stopped } from './azure-error.ts';
import { isObject, problemOf } from './azure-problem.ts';
import type { Wire, WireAnswer, WireRequest } from './wire.ts';

const MAX_RETRY_AFTER_MS = 120_000;

/**
 * Follows an operation that Azure has taken until it has ended. The SDKs' pollers follow the same rules, but throw away the
 * details of a failure, and their models the fields of the body.
 * @returns the body of the resource after PUT, the result of a POST, undefined after DELETE
 * @throws AzureError AZURE_OPERATION_FAILED when it fails, with everything that Azure says about it
 * @see Azure Resource Manager RPC, asynchronous operations
 */
export async function followOperation(
  wire: Wire,
  request: WireRequest,
  first: WireAnswer,
): Promise<JsonValue | undefined> {
  const operation = first.header('azure-asyncoperation') ?? first.header('operation-location');
  const location = first.header('location');
  const { method } = request;
  if (operation !== undefined) {
    await untilStatus(wire, request, operation, (answer) => statusWord(answer, 'status'));
    if (method === 'PUT') return await finalRead(wire, request);
    if (method === 'POST' && location !== undefined) return (await get(wire, request, location)).body as JsonValue;
    return undefined;
  }
  if (location !== undefined && (first.status === 202 || method !== 'PUT')) {
    const last = await untilStatus(wire, request, location, () => undefined);
    return method === 'PUT' ? await finalRead(wire, request) : (last?.body as JsonValue | undefined);
  }
  if (method === 'PUT') return await untilProvisioned(wire, request, first);
  return first.body as JsonValue | undefined;
}

async function finalRead(wire: Wire, request: WireRequest): Promise<JsonValue> {
  return (await get(wire, request, request.path, request.apiVersion)).body as JsonValue;
}

async function get(wire: Wire, { signal }: WireRequest, path: string, apiVersion?: string): Promise<WireAnswer> {
  return await wire.succeed({ method: 'GET', path, apiVersion, signal });
}

/** Asks `url` again and again; without a word in the body the status of the answer says whether the operation goes on. */
async function untilStatus(
  wire: Wire,
  request: WireRequest,
  url: string,
  wordOf: (answer: WireAnswer) => string | undefined,
): Promise<WireAnswer | undefined> {
  let current = url;
  for (;;) {
    const answer = await wire.send({ method: 'GET', path: current, apiVersion: undefined, signal: request.signal });
    // What is gone cannot be asked about any more: the end of a removal.
    if (answer.status === 404 && request.method === 'DELETE') return undefined;
    if (answer.status < 200 || answer.status > 299) throw wire.refused(answer, 'GET');
    const outcome = outcomeOf(wordOf(answer), answer.status);
    if (outcome === 'failed') throw failure(wire, request, answer);
    if (outcome === 'succeeded') return answer;
    current = answer.header('azure-asyncoperation') ?? answer.header('location') ?? current;
    await pause(wire, answer, request);
  }
}

/** A PUT without headers about its progress: the resource itself says how far it is. */
async function untilProvisioned(wire: Wire, request: WireRequest, first: WireAnswer): Promise<JsonValue> {
  let answer = first;
  for (;;) {
    const outcome = outcomeOf(statusWord(answer, 'provisioningState'), answer.status === 202 ? 202 : 200);
    if (outcome === 'failed') throw failure(wire, request, answer);
    if (outcome === 'succeeded') return answer.body as JsonValue;
    await pause(wire, answer, request);
    answer = await get(wire, request, request.path, request.apiVersion);
  }
}

function statusWord({ body }: WireAnswer, member: string): string | undefined {
  if (!isObject(body)) return undefined;
  const properties = isObject(body['properties']) ? body['properties'] : {};
  const word = member === 'status' ? body['status'] : (properties[member] ?? body[member]);
  return typeof word === 'string' && word !== '' ? word : undefined;
}

function outcomeOf(word: string | undefined, status: number): 'running' | 'succeeded' | 'failed' {
  if (word === undefined) return status === 202 ? 'running' : 'succeeded';
  const lower = word.toLowerCase();
  if (lower === 'succeeded') return 'succeeded';
  return lower.includes('fail') || lower === 'canceled' || lower === 'cancelled' ? 'failed' : 'running';
}

function failure(wire: Wire, request: WireRequest, answer: WireAnswer): Error {
  const { pathname } = wire.urlOf(request);
  const body = isObject(answer.body) ? answer.body : {};
  const properties = isObject(body['properties']) ? body['properties'] : {};
  const error = body['error'] ?? properties['error'] ?? properties['provisioningError'];
  const context = { correlationId: answer.correlationId, resourceId: decodeURI(pathname) };
  const problem = problemOf(error, context) ?? {
    code: 'OperationFailed',
    message: `it ended as ${statusWord(answer, 'status') ?? statusWord(answer, 'provisioningState') ?? 'failed'}`,
    path: [],
    resourceId: context.resourceId,
    ...(context.correlationId === undefined ? {} : { correlationId: context.correlationId }),
  };
  return operationFailed(problem, `${request.method} ${pathname}`);
}

async function pause(wire: Wire, answer: WireAnswer, { signal, path }: WireRequest): Promise<void> {
  const asked = retryAfterMs(answer.header('retry-after'), wire.clock());
  await pauseFor(asked ?? wire.pollIntervalMs, signal, path);
}

/** Waits. Throws AzureError when `signal` aborts. */
export async function pauseFor(ms: number, signal: AbortSignal | undefined, doing: string): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (thrown) {
    throw stopped(signal?.reason ?? thrown, `waiting for ${doing}`);
  }
}

/** Seconds or a date; nothing sensible is undefined. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, MAX_RETRY_AFTER_MS) : undefined;
}
