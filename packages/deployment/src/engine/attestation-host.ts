import type { DeploymentConfig } from '../config/profiles.ts';
import { idOf } from '../graph/parts.ts';
import { apiVersions } from '../graph/api-versions.ts';
import { textAt } from './json.ts';
import type { ArmPort, CallOptions } from './ports.ts';

/** The host of the attestation service of a consumer; undefined while its provider does not exist, and in other profiles. */
export async function attestationHostOf(
  arm: ArmPort,
  config: DeploymentConfig,
  subscriptionId: string,
  options: CallOptions,
): Promise<string | undefined> {
  if (config.profile !== 'kata-cc') return undefined;
  const { endpoint } = config.attestation;
  if (typeof endpoint === 'string') return endpoint;
  const resourceGroup = endpoint.create ? config.resourceGroup.name : endpoint.resourceGroup;
  const type = 'Microsoft.Attestation/attestationProviders';
  const id = idOf({ scope: { subscriptionId, resourceGroup }, type, name: endpoint.provider });
  const uri = textAt(await arm.read(id, apiVersions[type], options), 'properties.attestUri');
  return uri === undefined ? undefined : new URL(uri).host;
}
