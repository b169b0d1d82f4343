import { ArmFault } from './arm-fault.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { ArmWorld } from './world.ts';

/** A request as routes see it. */
export interface ArmRequest {
  readonly world: ArmWorld;
  readonly method: string;
  /** Decoded, one slash between parts, none at the end. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly apiVersion: string;
  readonly body: JsonObject | undefined;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Scheme and host that the client sees. */
  readonly origin: string;
}

export interface ArmAnswer {
  readonly status: number;
  readonly body?: JsonValue;
  readonly headers?: Readonly<Record<string, string>>;
}

type Handler = (request: ArmRequest, parameters: Readonly<Record<string, string>>) => Promise<ArmAnswer> | ArmAnswer;

export interface Route {
  readonly methods: readonly string[];
  readonly pattern: RegExp;
  readonly handle: Handler;
}

/**
 * A route. `{name}` stands for one part of a path, `{+name}` for several with the slash in front; case does not count.
 */
export function route(methods: string, path: string, handle: Handler): Route {
  const source = path
    .split('/')
    .filter((part) => part !== '')
    .map((part) => {
      const [, many, name] = /^\{(\+?)(\w+)\}$/.exec(part) ?? [];
      if (name === undefined) return `/${part.replaceAll('.', String.raw`\.`)}`;
      return many === '+' ? `(?<${name}>/.+?)` : `/(?<${name}>[^/]+)`;
    })
    .join('');
  return { methods: methods.split(' '), pattern: new RegExp(`^${source}$`, 'i'), handle };
}

/** The path and query of a request target: percent-encoding undone, slashes collapsed, keys of the query decoded. */
export function parseTarget(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = url.indexOf('?');
  const raw = at === -1 ? url : url.slice(0, at);
  let path: string;
  try {
    path = decodeURIComponent(raw);
  } catch {
    throw new ArmFault(400, 'BadRequest', 'The path is not percent-encoded correctly.');
  }
  const collapsed = path.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  return { path: collapsed, query: new URLSearchParams(at === -1 ? '' : url.slice(at + 1)) };
}

/** The member of a query whose case does not count. */
export function queryValue(query: URLSearchParams, name: string): string | undefined {
  for (const [key, value] of query) if (key.toLowerCase() === name.toLowerCase()) return value;
  return undefined;
}

/** The answer of the first route that fits; undefined when none does. */
export async function dispatch(routes: readonly Route[], request: ArmRequest): Promise<ArmAnswer | undefined> {
  for (const { methods, pattern, handle } of routes) {
    if (!methods.includes(request.method)) continue;
    const match = pattern.exec(request.path);
    if (match !== null) return handle(request, { ...match.groups });
  }
  return undefined;
}

/** One page of a list, with an absolute link to the next one. */
export function page(request: ArmRequest, items: readonly JsonValue[]): ArmAnswer {
  const { query, world, origin, path } = request;
  const start = Number(queryValue(query, '$skiptoken') ?? 0);
  const top = Number(queryValue(query, '$top') ?? world.settings.pageSize);
  const size = Number.isInteger(top) && top > 0 ? Math.min(top, world.settings.pageSize) : world.settings.pageSize;
  const value = items.slice(start, start + size);
  if (start + size >= items.length) return { status: 200, body: { value } };
  const next = new URLSearchParams(query);
  next.set('$skiptoken', String(start + size));
  return { status: 200, body: { value, nextLink: `${origin}${encodeURI(path)}?${next.toString()}` } };
}
