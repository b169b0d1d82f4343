import type { FastifyReply } from 'fastify';

import type { PodBackend, ProxyAnswer } from '../backend.ts';
import type { ClusterStore } from '../cluster-store.ts';
import { listAt, mapAt, numberAt, stringAt, valueAt } from '../objects.ts';
import type { ClusterObject } from '../objects.ts';
import { badRequest, StatusError } from '../status.ts';
import { integerParameter, isTrue } from './request.ts';
import type { ResourceRequest } from './request.ts';
import { existing } from './resource-routes.ts';

/** GET of `pods/…/log`: text as the container wrote it, with `follow` for as long as it runs. */
export async function serveLog(store: ClusterStore, backend: PodBackend, request: ResourceRequest): Promise<void> {
  const pod = existing(store, request);
  const { query, reply, signal } = request;
  const previous = isTrue(query.get('previous'));
  const container = chosenContainer(pod, query.get('container') ?? '');
  if (!previous) assertStarted(pod, container);
  const sinceSeconds = integerParameter(query, 'sinceSeconds');
  const sinceTime = Date.parse(query.get('sinceTime') ?? '');
  const chunks = backend.logs(pod, {
    container,
    previous,
    follow: isTrue(query.get('follow')),
    tailLines: integerParameter(query, 'tailLines'),
    timestamps: isTrue(query.get('timestamps')),
    sinceMs:
      sinceSeconds !== undefined
        ? store.clock() - sinceSeconds * 1000
        : Number.isNaN(sinceTime)
          ? undefined
          : sinceTime,
    limitBytes: integerParameter(query, 'limitBytes'),
    signal,
  });
  await streamText(reply, chunks, signal);
}

/** How long a refusal of the backend is waited for before the answer begins. */
const FIRST_BYTES_MS = 50;

/** Sends what comes as it comes. A failure before anything was sent becomes an answer of its own. */
async function streamText(reply: FastifyReply, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]();
  let pending = iterator.next();
  await Promise.race([pending, laterThan(FIRST_BYTES_MS)]);
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache, private' });
  raw.flushHeaders();
  try {
    for (let next = await pending; next.done !== true && !signal.aborted; next = await pending) {
      if (!raw.write(next.value)) await drained(raw, signal);
      pending = iterator.next();
    }
    raw.end();
  } catch {
    raw.destroy(); // the head has gone out: a broken connection is the only way left to say that this is not all
  } finally {
    await iterator.return?.();
  }
}

function laterThan(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function drained(raw: FastifyReply['raw'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    raw.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function chosenContainer(pod: ClusterObject, wanted: string): string {
  const names = ['containers', 'initContainers', 'ephemeralContainers'].map((list) =>
    listAt(pod, 'spec', list).map((one) => stringAt(one, 'name') ?? ''),
  );
  const [containers = []] = names;
  if (wanted !== '') {
    if (names.flat().includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name}`);
  }
  const annotated = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (annotated !== undefined && containers.includes(annotated)) return annotated;
  const [only] = containers;
  if (only !== undefined && containers.length === 1) return only;
  throw badRequest(
    `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${containers.join(' ')}]`,
  );
}

function assertStarted(pod: ClusterObject, container: string): void {
  const statuses = ['containerStatuses', 'initContainerStatuses'].flatMap((list) => listAt(pod, 'status', list));
  const status = statuses.find((one) => valueAt(one, 'name') === container);
  const waiting = stringAt(status, 'state', 'waiting', 'reason');
  const hasRun = valueAt(status, 'lastState', 'terminated') !== undefined;
  if (status !== undefined && (waiting === undefined || hasRun)) return;
  throw badRequest(
    `container "${container}" in pod "${pod.metadata.name}" is waiting to start: ${waiting ?? 'ContainerCreating'}`,
  );
}

/** Any method on `pods/[scheme:]name[:port]/proxy/…` and `services/[scheme:]name[:port]/proxy/…`. */
export async function serveProxy(
  store: ClusterStore,
  backend: PodBackend,
  request: ResourceRequest,
): Promise<ProxyAnswer> {
  const target = readTarget(request.path.name ?? '');
  const named = { ...request, path: { ...request.path, name: target.name } };
  const object = existing(store, named);
  const { pod, port } =
    object.kind === 'Service'
      ? endpointOf(store, object, target.port)
      : { pod: object, port: podPort(object, target.port ?? '') };
  const query = request.query.toString();
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      typeof value === 'string' && !NOT_FORWARDED.has(name) ? [[name, value]] : [],
    ),
  );
  const answer = await backend.proxy(pod, port, {
    method: request.method,
    path: `/${request.path.rest}${query === '' ? '' : `?${query}`}`,
    headers,
    body: request.body,
    scheme: target.scheme,
    signal: request.signal,
  });
  return {
    ...answer,
    headers: Object.fromEntries(
      Object.entries(answer.headers).filter(([name]) => !NOT_ANSWERED.has(name.toLowerCase())),
    ),
  };
}

/** The caller's credentials are for the API server only. */
const NOT_FORWARDED = new Set([
  'authorization',
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
]);
const NOT_ANSWERED = new Set(['connection', 'transfer-encoding', 'content-length', 'keep-alive', 'content-encoding']);

function readTarget(text: string): {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  readonly port: string | undefined;
} {
  const parts = text.split(':');
  const [first = '', second, third] = parts;
  if (parts.length === 1) return { scheme: 'http', name: first, port: undefined };
  if (parts.length === 2) return { scheme: 'http', name: first, port: second };
  if (parts.length === 3 && (first === 'http' || first === 'https' || first === '')) {
    return { scheme: first === 'https' ? 'https' : 'http', name: second ?? '', port: third === '' ? undefined : third };
  }
  throw badRequest(`invalid proxy target ${JSON.stringify(text)}`);
}

function podPort(pod: ClusterObject, port: string): number {
  const ports = listAt(pod, 'spec', 'containers').flatMap((container) => listAt(container, 'ports'));
  if (port === '') return numberAt(ports[0], 'containerPort') ?? 80;
  if (/^\d{1,5}$/.test(port)) return Number(port);
  const named = ports.find((one) => valueAt(one, 'name') === port);
  const number = numberAt(named, 'containerPort');
  if (number === undefined) throw badRequest(`pod ${pod.metadata.name} has no port ${JSON.stringify(port)}`);
  return number;
}

/** A ready pod behind a service, and its port. */
function endpointOf(
  store: ClusterStore,
  service: ClusterObject,
  wanted: string | undefined,
): { readonly pod: ClusterObject; readonly port: number } {
  const ports = listAt(service, 'spec', 'ports');
  const port =
    wanted === undefined
      ? ports[0]
      : ports.find((one) => valueAt(one, 'name') === wanted || String(valueAt(one, 'port')) === wanted);
  const unavailable = new StatusError(
    'ServiceUnavailable',
    `no endpoints available for service "${service.metadata.name}"`,
  );
  if (port === undefined) throw unavailable;
  const selector = Object.entries(mapAt(service, 'spec', 'selector'));
  const pods = store.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace: service.metadata.namespace });
  const pod = pods.find(
    (one) =>
      selector.length > 0 &&
      one.metadata.deletionTimestamp === undefined &&
      selector.every(([label, value]) => one.metadata.labels?.[label] === value) &&
      listAt(one, 'status', 'conditions').some(
        (condition) => valueAt(condition, 'type') === 'Ready' && valueAt(condition, 'status') === 'True',
      ),
  );
  if (pod === undefined) throw unavailable;
  const target = valueAt(port, 'targetPort') ?? valueAt(port, 'port');
  return { pod, port: podPort(pod, String(target)) };
}
