import { readConfig } from '../src/index.ts';
import type { DeploymentConfig, ProfileName, Resolved } from '../src/index.ts';

/** What a cloud would have said. */
export const resolved: Resolved = {
  subscriptionId: '12345678-0000-0000-0000-000000000001',
  tenantId: '00000000-0000-0000-0000-00000000000a',
  kubernetesVersion: '1.34',
};

/** The configuration of a text, which must be right. */
export function configOf<NAME extends ProfileName>(
  profile: NAME,
  more = '',
): Extract<DeploymentConfig, { readonly profile: NAME }> {
  const vault = profile === 'kata-cc' && !more.includes('vault:') ? 'vault: {name: kafka-vault}\n' : '';
  const read = readConfig(`profile: ${profile}\n${vault}${more}`);
  if (read.config === undefined || read.problems.length > 0) throw new Error(JSON.stringify(read.problems));
  return read.config as Extract<DeploymentConfig, { readonly profile: NAME }>;
}
