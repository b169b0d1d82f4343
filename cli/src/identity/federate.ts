import type { FederatedCredential } from '@holdfast/admission';
import type { ArmPort } from '@holdfast/deployment';

const CREDENTIAL_API = '2023-01-31';

/** Lets a service account of a cluster act as an identity; the same credential written twice is one. */
export async function writeFederatedCredential(
  arm: Pick<ArmPort, 'write'>,
  { identityResourceId, name, issuer, subject, audience }: FederatedCredential,
): Promise<void> {
  await arm.write(`${identityResourceId}/federatedIdentityCredentials/${name}`, CREDENTIAL_API, {
    properties: { issuer, subject, audiences: [audience] },
  });
}
