import type { SimulatedPlatform } from '@holdfast/attestation';
import { RequestError } from '@holdfast/base';
import type { InitdataMeasurements } from '@holdfast/initdata';

import { createAzureVtpmMachine } from './azure-vtpm-machine.ts';
import type { Machine, PeerPodPlatform } from './machine.ts';
import { createSampleMachine } from './sample-machine.ts';
import { createSnpMachine } from './snp-machine.ts';

/**
 * Starts the hardware of a peer pod.
 * @param platform undefined is enough for `sample`
 * @throws RequestError PEER_POD_PLATFORM_MISSING
 */
export async function createMachine(
  name: PeerPodPlatform,
  measurements: InitdataMeasurements,
  platform: SimulatedPlatform | undefined,
): Promise<Machine> {
  if (name === 'sample') return createSampleMachine();
  if (platform === undefined) {
    throw new RequestError('PEER_POD_PLATFORM_MISSING', `the platform ${name} needs keys of simulated hardware`, {
      action: 'Pass the simulated platform, or take the platform sample.',
    });
  }
  return name === 'snp' ? createSnpMachine(platform, measurements) : createAzureVtpmMachine(platform, measurements);
}
