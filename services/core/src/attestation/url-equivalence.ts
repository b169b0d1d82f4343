/** Scheme, host and explicit port of a URL with a hierarchical part; everything else is not looked at. */
const AUTHORITY = /^(https?):\/\/(?:[^/?#@]*@)?(\[[\da-f:.]+\]|[^/?#:@\s]+)(?::(\d{0,5}))?(?:[/?#].*)?$/is;

/**
 * Whether two URLs lead to the same service: scheme, host (both without case) and the port as written. A port that is not
 * written is a value of its own, so `https://core` and `https://core:443` differ, as in the UID2 reference. What is no
 * http or https URL equals nothing.
 */
export function areEquivalentUrls(one: string, other: string): boolean {
  const [first, second] = [authorityOf(one), authorityOf(other)];
  return first !== undefined && first === second;
}

function authorityOf(url: string): string | undefined {
  const match = AUTHORITY.exec(url.trim());
  if (match === null) return undefined;
  const [, scheme = '', host = '', port = ''] = match;
  if (port !== '' && Number(port) > 65_535) return undefined;
  return `${scheme.toLowerCase()}://${host.toLowerCase()}${port === '' ? '' : `:${Number(port)}`}`;
}
