import type { PodObject } from '../controllers/objects.ts';
import type { PodSurroundings } from './kubelet-host.ts';

/** Where the services of a local cloud are, as URLs on 127.0.0.1. */
export interface CloudAddresses {
  readonly core: string;
  readonly optout: string;
  readonly attestation: string;
  readonly vault: string;
  readonly authority: string;
}

const OPERATOR = 'uid2-operator';

/**
 * What a private operator's pod finds in a local cloud. A published manifest names a vault and an environment, and the operator
 * makes public host names of them; here the same services have other addresses. What the manifest itself says stays.
 */
export function operatorSurroundings(pod: PodObject, cloud: CloudAddresses): PodSurroundings {
  const hostPorts = Object.values(cloud).map((url: string) => Number(new URL(url).port));
  const operator = pod.spec.containers.find(({ name }) => name === OPERATOR);
  if (operator === undefined) return { variables: {}, hostPorts };
  const addresses = {
    CORE_BASE_URL: cloud.core,
    OPTOUT_BASE_URL: cloud.optout,
    maa_server_base_url: cloud.attestation,
    azure_vault_url: cloud.vault,
    // The launch checks want public host names without ports; loopback addresses can never pass them.
    SKIP_VALIDATIONS: 'true',
    // Opt-outs reach a local operator within seconds instead of minutes.
    cloud_refresh_interval: '10',
  };
  const declared = new Set((operator.env ?? []).map((variable) => variable['name']));
  const variables = Object.entries(addresses).filter(([name]) => !declared.has(name));
  return { variables: Object.fromEntries(variables), hostPorts };
}
