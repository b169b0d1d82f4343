import type { ClusterStore } from '../cluster-store.ts';
import type { ClusterEvent, ClusterObject } from '../objects.ts';
import { StatusError } from '../status.ts';
import { parseFieldSelector, parseLabelSelector } from '../store/selectors.ts';
import { filterOf, includeOf } from './resource-routes.ts';
import { integerParameter, isTrue } from './request.ts';
import type { ResourceRequest } from './request.ts';
import { tableOf, wantsTable } from './table.ts';

/** A client that reads so slowly that this much waits for it is cut off; it comes back with its last version. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
const BOOKMARK_INTERVAL_MS = 30_000;

/** The part of a selection an object is in: a change of labels can take it in or out. */
type Chooses = (object: ClusterObject | undefined) => boolean;

/**
 * GET with `watch=true`: one JSON line for each change, until the client goes away or `timeoutSeconds` have passed. Without a
 * resource version, or with 0, what is there comes first.
 */
export function serveWatch(store: ClusterStore, request: ResourceRequest, open: Set<() => void>): void {
  const { info, query, reply, signal } = request;
  const filter = filterOf(request);
  const byLabels = parseLabelSelector(filter.labelSelector);
  const byFields = parseFieldSelector(filter.fieldSelector);
  const chooses: Chooses = (object) =>
    object !== undefined &&
    (filter.namespace === undefined || object.metadata.namespace === filter.namespace) &&
    byLabels(object.metadata.labels ?? {}) &&
    byFields(object);
  const timeoutSeconds = integerParameter(query, 'timeoutSeconds');
  const presentEvent = eventPresenter(store, request);
  reply.hijack();
  const stream = reply.raw;
  stream.writeHead(200, {
    'Content-Type': wantsTable(request.headers.accept)
      ? 'application/json;as=Table;v=v1;g=meta.k8s.io'
      : 'application/json',
    'Cache-Control': 'no-cache, private',
  });
  stream.flushHeaders();
  const send = (type: string, object: unknown): void => {
    stream.write(`${JSON.stringify({ type, object })}\n`);
    if (stream.writableLength > MAX_BUFFERED_BYTES) stream.destroy();
  };
  const bookmark = (annotations?: Readonly<Record<string, string>>): void => {
    if (!isTrue(query.get('allowWatchBookmarks'))) return;
    const metadata = { resourceVersion: store.resourceVersion, creationTimestamp: null, annotations };
    send('BOOKMARK', { kind: info.kind, apiVersion: info.apiVersion, metadata });
  };
  const onEvent = (event: ClusterEvent): void => {
    const seen = seenBy(chooses, event);
    if (seen !== undefined) send(seen, presentEvent(event.object));
  };
  const unsubscribe = store.subscribe(info, onEvent);
  const bookmarks = setInterval(bookmark, BOOKMARK_INTERVAL_MS).unref();
  const timer =
    timeoutSeconds === undefined || timeoutSeconds === 0
      ? undefined
      : setTimeout(() => end(), timeoutSeconds * 1000).unref();
  const end = (): void => {
    unsubscribe();
    clearInterval(bookmarks);
    clearTimeout(timer);
    open.delete(end);
    if (!stream.writableEnded) {
      bookmark();
      stream.end();
    }
  };
  open.add(end);
  signal.addEventListener('abort', end, { once: true });
  try {
    sendPast(store, request, chooses, { send, onEvent, bookmark, presentEvent });
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    send('ERROR', error.status);
    end();
  }
}

function sendPast(
  store: ClusterStore,
  request: ResourceRequest,
  chooses: Chooses,
  to: {
    readonly send: (type: string, object: unknown) => void;
    readonly onEvent: (event: ClusterEvent) => void;
    readonly bookmark: (annotations?: Readonly<Record<string, string>>) => void;
    readonly presentEvent: (object: ClusterObject) => unknown;
  },
): void {
  const { info, query } = request;
  const version = query.get('resourceVersion') ?? '';
  const sendInitial = isTrue(query.get('sendInitialEvents'));
  if (version !== '' && version !== '0' && !sendInitial) {
    for (const event of store.watchFrom(version, info)) to.onEvent(event);
    return;
  }
  if (query.get('sendInitialEvents') !== 'false') {
    for (const object of store.list(info)) if (chooses(object)) to.send('ADDED', to.presentEvent(object));
  }
  if (sendInitial) to.bookmark({ 'k8s.io/initial-events-end': 'true' });
}

/** What a watcher of a selection sees of a change; undefined for nothing. */
function seenBy(chooses: Chooses, event: ClusterEvent): ClusterEvent['type'] | undefined {
  const before = event.type !== 'ADDED' && chooses(event.previous);
  const after = event.type !== 'DELETED' && chooses(event.object);
  if (before && after) return 'MODIFIED';
  if (before) return 'DELETED';
  return after ? 'ADDED' : undefined;
}

function eventPresenter(store: ClusterStore, request: ResourceRequest): (object: ClusterObject) => unknown {
  if (!wantsTable(request.headers.accept)) return (object) => object;
  let withColumns = true;
  return (object) => {
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    const options = { now: store.clock(), metadata, include: includeOf(request), withColumns };
    withColumns = false;
    return tableOf(request.info, [object], options);
  };
}
