import { randomBytes } from 'node:crypto';

import { createSimulatedPlatform, generateSimulatedPlatformKeys } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';

export const NOW: number = Date.UTC(2026, 10, 22, 7, 0, 0);

/** Simulated hardware with small keys. */
export async function testPlatform(): Promise<SimulatedPlatform> {
  return createSimulatedPlatform({
    random: (length) => new Uint8Array(randomBytes(length)),
    now: () => NOW,
    keys: await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }),
  });
}

export const DOCUMENT = `algorithm = "sha256"
version = "0.1.0"

[data]
"aa.toml" = '''
[token_configs.kbs]
url = "http://kbs.example:8080"
'''
"cdh.toml" = '''
[kbc]
name = "cc_kbc"
url = "http://kbs.example:8080"
'''
`;
