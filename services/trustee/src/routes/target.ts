import { KbsRefusal } from '../kbs/kbs-refusal.ts';

/** A request below `/kbs/v0`, taken apart. */
export interface KbsTarget {
  /** Path and query as they came: what access lists are compared with. */
  readonly full: string;
  readonly plugin: string;
  readonly rest: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

const BASE = '/kbs/v0/';

/** @throws KbsRefusal InvalidRequestPath */
export function parseTarget(full: string): KbsTarget {
  const [path = '', ...queryParts] = full.split('?');
  const [plugin, ...rest] = path.startsWith(BASE) ? path.slice(BASE.length).split('/') : [];
  if (plugin === undefined || plugin === '') {
    throw new KbsRefusal('InvalidRequestPath', 'The request path is invalid');
  }
  return { full, plugin, rest, query: Object.fromEntries(new URLSearchParams(queryParts.join('?'))) };
}
