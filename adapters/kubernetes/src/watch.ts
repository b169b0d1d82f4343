import type { IncomingMessage } from 'node:http';

import type { KubernetesObject, WatchEvent } from '@holdfast/deployment';

import { KubernetesError, refusal, unusable } from './kubernetes-error.ts';
import { doingOf } from './transport.ts';
import type { Call, Transport } from './transport.ts';

export interface WatchTarget {
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Between two connections that brought nothing, doubling up to 30 seconds. */
  readonly retryDelayMs: number;
  /** Answers all objects as they are, with the version of the list. */
  readonly list: () => Promise<{ readonly version: string; readonly objects: readonly KubernetesObject[] }>;
}

/** How long the API server keeps one connection open, and how long a silent one is believed to live. */
const CONNECTION_S = 290;
const SILENCE_MS = 330_000;
const MAX_LINE = 16 * 1024 * 1024;
const MAX_PAUSE_MS = 30_000;

/** The version that the watch started from is too old: everything has to be listed anew. */
class Expired extends Error {}

/**
 * Follows a collection: what is there as ADDED, then changes, until the signal aborts, which ends it without an error.
 * Closed connections are opened again where they stopped; when the API server no longer knows that place (410), the
 * collection is listed anew and compared, so that no change and no removal is lost.
 */
export async function* followCollection(transport: Transport, target: WatchTarget): AsyncGenerator<WatchEvent> {
  const known = new Map<string, KubernetesObject>();
  let version: string | undefined;
  // Connections in a row that brought nothing; the next one waits the longer.
  let failures = 0;
  while (!target.signal.aborted) {
    let heard = false;
    try {
      if (version === undefined) {
        const { version: listed, objects } = await target.list();
        yield* differences(known, objects);
        version = listed;
      }
      for await (const line of lines(transport, target, version)) {
        const { type, object } = eventOf(line, target.path);
        heard = true;
        version = (object.metadata as { resourceVersion?: string }).resourceVersion ?? version;
        if (type === 'BOOKMARK') continue;
        if (type === 'DELETED') known.delete(keyOf(object));
        else known.set(keyOf(object), object);
        yield { type, object };
      }
    } catch (thrown) {
      if (target.signal.aborted) return;
      if (thrown instanceof Expired) {
        version = undefined;
        continue;
      }
      if (!(thrown instanceof KubernetesError) || !thrown.retryable) throw thrown;
    }
    failures = heard ? 0 : failures + 1;
    if (failures > 0 && !(await paused(transport, target, failures))) return;
  }
}

async function paused(transport: Transport, target: WatchTarget, failures: number): Promise<boolean> {
  const ms = Math.min(target.retryDelayMs * 2 ** Math.min(failures - 1, 10), MAX_PAUSE_MS);
  try {
    await transport.pause(ms, target.signal, target.path);
    return true;
  } catch {
    return false; // the signal has aborted
  }
}

/** What has changed since the objects were known. */
function* differences(
  known: Map<string, KubernetesObject>,
  objects: readonly KubernetesObject[],
): Generator<WatchEvent> {
  const present = new Set(objects.map(keyOf));
  for (const [key, object] of known) {
    if (present.has(key)) continue;
    known.delete(key);
    yield { type: 'DELETED', object };
  }
  for (const object of objects) {
    const before = known.get(keyOf(object));
    known.set(keyOf(object), object);
    if (before === undefined) yield { type: 'ADDED', object };
    else if (versionOf(before) !== versionOf(object)) yield { type: 'MODIFIED', object };
  }
}

async function* lines(transport: Transport, target: WatchTarget, version: string): AsyncGenerator<string> {
  const call: Call = {
    method: 'GET',
    path: target.path,
    query: {
      ...target.query,
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(CONNECTION_S),
    },
    signal: target.signal,
  };
  const response = await transport.open(call);
  try {
    if (response.statusCode !== 200) {
      const text = await textOf(response);
      if (response.statusCode === 410) throw new Expired();
      throw refusal(doingOf(call), { status: response.statusCode ?? 0, text });
    }
    response.setTimeout(SILENCE_MS, () => response.destroy());
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response as AsyncIterable<string>) {
      const parts = `${rest}${chunk}`.split('\n');
      rest = parts.pop() ?? '';
      if (rest.length > MAX_LINE) throw unusable(doingOf(call), 'an event without end');
      for (const part of parts) if (part.trim() !== '') yield part;
    }
  } catch (thrown) {
    if (thrown instanceof KubernetesError || thrown instanceof Expired) throw thrown;
    // A connection that breaks is a connection that ends: the next one goes on from the last version.
    return;
  } finally {
    response.destroy();
  }
}

function eventOf(line: string, path: string): { type: WatchEvent['type'] | 'BOOKMARK'; object: KubernetesObject } {
  let event: { type?: unknown; object?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (cause) {
    throw unusable(`watching ${path}`, 'a line that is no JSON', cause);
  }
  const { type, object } = event;
  if (type === 'ERROR') {
    const status = object as { code?: unknown; reason?: unknown } | undefined;
    if (status?.code === 410 || status?.reason === 'Expired' || status?.reason === 'Gone') throw new Expired();
    const code = typeof status?.code === 'number' ? status.code : 500;
    throw refusal(`watching ${path}`, { status: code, text: JSON.stringify(object ?? {}) });
  }
  const known = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK';
  const metadata = (object as { metadata?: unknown } | undefined)?.metadata;
  if (!known || typeof metadata !== 'object' || metadata === null) {
    throw unusable(`watching ${path}`, `an event of type ${String(type)}`);
  }
  return { type, object: object as KubernetesObject };
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > 64 * 1024) break;
  }
  return text;
}

function keyOf({ metadata }: KubernetesObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function versionOf({ metadata }: KubernetesObject): unknown {
  return (metadata as { resourceVersion?: unknown }).resourceVersion;
}
