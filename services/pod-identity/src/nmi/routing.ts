import type { MatchingRules } from '@holdfast/admission';

/** Where a request leads. */
export type NmiRoute =
  | { readonly handler: 'token' | 'invalid' | 'host-token' | 'instance' | 'imds-proxy' }
  /** The path has doubled slashes or dot segments: the caller is sent to the clean one. */
  | { readonly redirect: string }
  | { readonly handler: 'undecodable' };

const METADATA = /^\/metadata(?=\/)/i;
const TOKEN = '/identity/oauth2/token';
/** Not anchored: a path that smells of tokens is refused, whatever stands around or between. */
const TOKEN_LIKE = /\/[Mm][Ee][Tt][Aa][Dd][Aa][Tt][Aa]\/identity/;

export interface RouteOptions {
  readonly blockInstanceMetadata: boolean;
  /**
   * `strict` reads backslashes as the metadata service may, as slashes: the reference's own expression misses those before
   * `identity`. `compatible` when missing.
   */
  readonly rules?: MatchingRules;
}

/**
 * Finds the handler of a target as it came over the wire; the first rule that fits wins. Rules see the percent-decoded path,
 * its bytes as Latin-1. Methods do not matter.
 * @see AAD Pod Identity 1.8, NMI routes
 */
export function nmiRoute(target: string, options: RouteOptions): NmiRoute {
  const [, raw = '/', query = ''] = /^([^?]*)(.*)$/s.exec(originForm(target)) ?? [];
  const path = decodePath(raw);
  if (path === undefined) return { handler: 'undecodable' };
  const clean = cleanPath(path);
  if (clean !== path) return { redirect: encodePath(clean) + query };
  const metadata = METADATA.exec(path)?.[0];
  if (metadata !== undefined && path.startsWith(TOKEN, metadata.length)) return { handler: 'token' };
  if (looksLikeToken(path) || (options.rules === 'strict' && looksLikeToken(asSlashes(path))))
    return { handler: 'invalid' };
  if (path.startsWith('/host/token')) return { handler: 'host-token' };
  const isInstance = metadata !== undefined && path.startsWith('/instance', metadata.length);
  return { handler: options.blockInstanceMetadata && isInstance ? 'instance' : 'imds-proxy' };
}

function asSlashes(path: string): string {
  return cleanPath(path.replaceAll('\\', '/'));
}

/** Each part is looked for behind the one before; the first places are the best, so this is linear. */
function looksLikeToken(path: string): boolean {
  const begin = TOKEN_LIKE.exec(path);
  if (begin === null) return false;
  const oauth2 = path.indexOf('oauth2', begin.index + begin[0].length);
  return oauth2 >= 0 && path.includes('token', oauth2 + 'oauth2'.length);
}

/** Proxies are asked with a whole address; only its path counts here. */
function originForm(target: string): string {
  const path = /^[a-z][a-z\d+.-]*:\/\/[^/?]*(.*)$/is.exec(target)?.[1] ?? target;
  return path.startsWith('/') ? path : `/${path}`;
}

/** Undefined for a percent sign without two hexadecimal digits. */
function decodePath(path: string): string | undefined {
  if (/%(?![\da-f]{2})/i.test(path)) return undefined;
  return path.replaceAll(/%([\da-f]{2})/gi, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Without doubled slashes and dot segments; a slash at the end stays. */
function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  const clean = `/${kept.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

function encodePath(path: string): string {
  return path.replaceAll(
    /[^\w\-.~$&+,/:;=@]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
