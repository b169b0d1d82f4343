import type { JsonValue } from '../json.ts';
import { textAt } from '../json.ts';
import type { Operation } from '../operations.ts';
import { present } from '../resources.ts';
import type { RemovalOutcome, WriteOutcome } from '../resources.ts';
import type { ArmAnswer, ArmRequest } from '../routing.ts';
import { RESOURCE_GROUP } from '../types/resource-groups.ts';

/** Asks clients to wait, where the settings say so. */
export function retryAfter({ world }: ArmRequest): Record<string, string> {
  const seconds = world.settings.retryAfterSeconds;
  return seconds === undefined ? {} : { 'Retry-After': String(seconds) };
}

/** Where an operation of a provider can be looked at. */
function operationUrl(request: ArmRequest, type: string, location: string, kind: string, id: string): string {
  const [namespace = ''] = type.split('/');
  const subscription = request.path.split('/').slice(0, 3).join('/');
  const aks = namespace === 'Microsoft.ContainerService';
  const word =
    kind === 'status' ? (namespace === 'Microsoft.Network' ? 'operations' : 'operationStatuses') : 'operationResults';
  const version = aks ? '2017-08-31' : request.apiVersion;
  return `${request.origin}${subscription}/providers/${namespace}/locations/${location || 'global'}/${word}/${id}?api-version=${version}`;
}

/** The answer to a PUT. */
export function writtenAnswer(request: ArmRequest, outcome: WriteOutcome): ArmAnswer {
  const { world } = request;
  const { kind, operation, created } = outcome;
  const resource = world.store.get(outcome.id);
  const body: JsonValue = resource === undefined ? {} : present(world, resource);
  const status = created ? (kind.createdStatus ?? 201) : 200;
  if (operation === undefined || operation.state === 'Succeeded' || kind.ends !== 'async-operation') {
    return { status, body, headers: etagOf(body) };
  }
  const location = textAt(body, 'location') ?? 'eastus';
  const url = operationUrl(request, kind.type, location, 'status', operation.id);
  return { status, body, headers: { ...etagOf(body), 'Azure-AsyncOperation': url, ...retryAfter(request) } };
}

export function etagOf(body: JsonValue): Record<string, string> {
  const etag = textAt(body, 'etag');
  return etag === undefined ? {} : { ETag: etag };
}

/** The answer to a DELETE. */
export function removedAnswer(request: ArmRequest, outcome: RemovalOutcome): ArmAnswer {
  const { removed, kind, location, operation } = outcome;
  if (removed === undefined) return { status: 204 };
  if (operation === undefined) {
    return kind.type.startsWith('Microsoft.Authorization/') ? { status: 200, body: removed } : { status: 200 };
  }
  if (operation.state === 'Succeeded') return { status: 200 };
  const result = operationUrl(request, kind.type, location, 'result', operation.id);
  // A group is followed by its location alone.
  if (kind.type === RESOURCE_GROUP) {
    const subscription = request.path.split('/').slice(0, 3).join('/');
    const url = `${request.origin}${subscription}/operationresults/${operation.id}?api-version=${request.apiVersion}`;
    return { status: 202, headers: { Location: url, ...retryAfter(request) } };
  }
  const status = operationUrl(request, kind.type, location, 'status', operation.id);
  return { status: 202, headers: { 'Azure-AsyncOperation': status, Location: result, ...retryAfter(request) } };
}

/** An operation for clients that read `status`. */
export function statusAnswer(request: ArmRequest, operation: Operation): ArmAnswer {
  const running = operation.state === 'Running';
  return {
    status: 200,
    body: {
      id: request.path,
      name: operation.id,
      status: running ? 'InProgress' : operation.state,
      ...(operation.error === undefined ? {} : { error: operation.error }),
    },
    headers: running ? retryAfter(request) : {},
  };
}

/** An operation for clients that go by the status code. */
export function resultAnswer(request: ArmRequest, operation: Operation, done: 200 | 204 = 200): ArmAnswer {
  if (operation.state === 'Running') {
    const location = `${request.origin}${encodeURI(request.path)}?${request.query.toString()}`;
    return { status: 202, headers: { Location: location, ...retryAfter(request) } };
  }
  if (operation.state === 'Failed') return { status: 400, body: { error: operation.error ?? {} } };
  return operation.result === undefined ? { status: done } : { status: 200, body: operation.result };
}
