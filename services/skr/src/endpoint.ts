import { isIP } from 'node:net';

import { RequestError } from '@holdfast/base';

/** Where requests that a container of the pod causes may go. */
export interface EndpointRules {
  /** host or host:port in lower case; undefined allows every name. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Addresses instead of names: for development platforms, whose services have no name. */
  readonly allowAddresses: boolean;
}

/**
 * The https origin of a service from a member such as `maa_endpoint`: a host or host:port, also with `https://` before it.
 * Any container of the pod can name a host here, so everything that is not plainly a host is refused.
 * @param member The member of the request, for the message.
 * @param setting The setting that lists allowed hosts, for the advice.
 * @throws RequestError SKR_ENDPOINT_REFUSED
 */
export function endpointOrigin(endpoint: string, rules: EndpointRules, member: string, setting: string): string {
  const refused = (problem: string): RequestError =>
    new RequestError('SKR_ENDPOINT_REFUSED', `${member} ${problem}`, {
      action: `Send a host name without scheme and path, or add the host to ${setting}.`,
    });
  const host = endpoint.replace(/^https:\/\//i, '');
  const url = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(host) ? URL.parse(`https://${host}`) : null;
  if (url === null) throw refused('is not a host name');
  const named = rules.allowedHosts?.includes(url.host) ?? false;
  if (rules.allowedHosts !== undefined && !named) throw refused(`${url.host} is not an allowed host`);
  const isAddress = isIP(url.hostname.replaceAll(/[[\]]/g, '')) !== 0;
  if (isAddress && !named && !rules.allowAddresses) throw refused('is an address; send a host name');
  return url.origin;
}
