/** A request to the proxy that stands for the metadata service in a migrated pod. */
export type ProxyRoute = 'token' | 'readyz' | 'imds-proxy';

/** Where a path leads; it is compared as its percent-decoded text. `identity` must be in lower case. */
export function proxyRoute(path: string): ProxyRoute {
  if (/^\/metadata(?=\/)/i.test(path) && path.slice('/metadata'.length).startsWith('/identity/oauth2/token'))
    return 'token';
  return path.startsWith('/readyz') ? 'readyz' : 'imds-proxy';
}

/** The scope of the v2.0 endpoint for a resource of the metadata service. A slash at the end of the resource stays: two in a row are meant. */
export function scopeOf(resource: string): string {
  return resource.endsWith('/.default') ? resource : `${resource}/.default`;
}

/** A token as the exchange gave it. */
export interface ExchangedToken {
  readonly token: string;
  /** Seconds since the epoch. */
  readonly expiresOn: number;
}

/** The answer of the proxy: numbers and texts mixed, as applications have come to know it; `now` in seconds. */
export function proxyTokenBody({ token, expiresOn }: ExchangedToken, resource: string, now: number): string {
  const body = {
    access_token: token,
    refresh_token: '',
    expires_in: expiresOn - now - 10,
    expires_on: String(expiresOn),
    not_before: 0,
    resource,
    token_type: 'Bearer',
  };
  return `${JSON.stringify(body)}\n`;
}
