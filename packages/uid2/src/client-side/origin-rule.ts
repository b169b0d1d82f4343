/** The public suffix list, its ICANN and its private section. */
export interface PublicSuffixList {
  /**
   * The public suffix of `host` plus one label; undefined when the host is a public suffix itself or under none that is
   * listed. `host` is a lower-case name without a final dot.
   * @see https://publicsuffix.org/list/
   */
  registrableDomain(host: string): string | undefined;
}

/** The URL schemes that the reference's runtime knows and that carry a host. Browsers send the first two. */
const KNOWN_SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'ftp', 'file', 'jmod', 'jrt']);

const MAX_NAME_LENGTH = 253;
const MAX_LABELS = 127;
const MAX_LABEL_LENGTH = 63;
/** Full stops of East Asian scripts, which count as dots. */
const OTHER_DOTS = /[\u3002\uff0e\uff61]/g;
/** ASCII beyond letters, digits, `-` and `_`; what is not ASCII passes. */
// eslint-disable-next-line no-control-regex -- all of ASCII is meant
const FORBIDDEN = /[\u0000-\u007f]/;
const ALLOWED_ASCII = /[a-z0-9_-]/g;
const EDGE_DASH = /^[-_]|[-_]$/;

/**
 * Whether a page of `origin` may ask for tokens of a site: its registrable domain (or `localhost`) is one of `domainNames`,
 * which are compared as stored. Port, path and user do not matter.
 * @see UID2 documentation, "Client-Side Integration: domain names"
 */
export function isOriginAllowed(
  origin: string | undefined,
  domainNames: readonly string[],
  suffixes: PublicSuffixList,
): boolean {
  const domain = origin === undefined ? undefined : originDomain(origin, suffixes);
  return domain !== undefined && domainNames.includes(domain);
}

/** The name by which the origin rule knows `origin`; undefined when it is no URL, or its host belongs to nobody. */
export function originDomain(origin: string, suffixes: PublicSuffixList): string | undefined {
  const host = hostOf(origin);
  const name = host === undefined ? undefined : domainName(host);
  if (name === undefined) return undefined;
  const registrable = suffixes.registrableDomain(name);
  if (registrable !== undefined) return registrable;
  return name === 'localhost' || /^[^.]+\.localhost$/.test(name) ? 'localhost' : undefined;
}

/**
 * The host of an absolute URL in lower case. Written out because the WHATWG parser mends what the reference refuses: it
 * takes back slashes for slashes, decodes percent signs and knows no limits of names.
 */
function hostOf(url: string): string | undefined {
  const match = /^([a-z][a-z0-9+.-]*):([^#]*)/i.exec(url);
  const scheme = match?.[1]?.toLowerCase();
  const rest = match?.[2];
  if (scheme === undefined || rest === undefined || !KNOWN_SCHEMES.has(scheme)) return undefined;
  const authority = /^\/\/([^/?]*)/.exec(rest)?.[1];
  const parts = authority?.split('@') ?? [];
  if (parts.length === 0 || parts.length > 2) return undefined;
  const [host = '', ...port] = (parts.at(-1) ?? '').split(':');
  if (port.length > 1 || !isPort(port[0] ?? '')) return undefined;
  return host.toLowerCase();
}

/** Any 32-bit number that is not below -1; an empty port is none. */
function isPort(text: string): boolean {
  if (text === '') return true;
  const port = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  return port >= -1 && port < 2 ** 31;
}

/** `host` as a domain name, checked by syntax alone; undefined when it is none, as an IP address. */
function domainName(host: string): string | undefined {
  const name = host.replaceAll(OTHER_DOTS, '.').replace(/\.$/, '');
  const labels = name.split('.');
  if (name.length > MAX_NAME_LENGTH || labels.length > MAX_LABELS) return undefined;
  const valid = labels.every(
    (label) =>
      label.length > 0 &&
      label.length <= MAX_LABEL_LENGTH &&
      !EDGE_DASH.test(label) &&
      !FORBIDDEN.test(label.replaceAll(ALLOWED_ASCII, '')),
  );
  return valid && !/^\d/.test(labels.at(-1) ?? '') ? name : undefined;
}
