import { endpointOrigin } from './endpoint.ts';
import type { EndpointRules } from './endpoint.ts';

export type MaaEndpointRules = EndpointRules;

/**
 * The https origin of an attestation service from `maa_endpoint`; the rules are those of `endpointOrigin`.
 * @throws RequestError SKR_ENDPOINT_REFUSED
 */
export function maaOrigin(endpoint: string, rules: MaaEndpointRules): string {
  return endpointOrigin(endpoint, rules, 'maa_endpoint', 'allowed_maa_hosts');
}
