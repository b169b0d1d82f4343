import { isIP } from 'node:net';

import { RequestError } from '@holdfast/base';

export interface MaaEndpointRules {
  /** host or host:port in lower case; undefined allows every name. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Addresses instead of names: for development platforms, whose services have no name. */
  readonly allowAddresses: boolean;
}

/**
 * The https origin of an attestation service from `maa_endpoint`: a host or host:port, also with `https://` before it. Any
 * container of the pod can name a host here, so everything that is not plainly a host is refused.
 * @throws RequestError SKR_ENDPOINT_REFUSED
 */
export function maaOrigin(endpoint: string, rules: MaaEndpointRules): string {
  const host = endpoint.replace(/^https:\/\//i, '');
  const url = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(host) ? URL.parse(`https://${host}`) : null;
  if (url === null) throw refused('maa_endpoint is not a host name');
  const named = rules.allowedHosts?.includes(url.host) ?? false;
  if (rules.allowedHosts !== undefined && !named) throw refused(`maa_endpoint ${url.host} is not an allowed host`);
  const isAddress = isIP(url.hostname.replaceAll(/[[\]]/g, '')) !== 0;
  if (isAddress && !named && !rules.allowAddresses) throw refused('maa_endpoint is an address; send a host name');
  return url.origin;
}

function refused(message: string): RequestError {
  return new RequestError('SKR_ENDPOINT_REFUSED', message, {
    action: 'Send a host name without scheme and path, or add the host to allowed_maa_hosts.',
  });
}
