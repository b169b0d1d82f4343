import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';

import {
  createSimulatedPlatform,
  formatAttestSevSnpVmRequest,
  generateSimulatedPlatformKeys,
  SnpChainCache,
  thimCertificateBundle,
} from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { createMetricsRegistry } from '@holdfast/http';
import { createLogger } from '@holdfast/process';

import { createEvents, createSigningKey } from '../src/index.ts';
import type { AttestationContext, Instance } from '../src/index.ts';

export const ISSUER = 'https://attest.test';
export const NOW = 1_760_000_000_000;
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export async function simulatedPlatform(): Promise<SimulatedPlatform> {
  const keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  return createSimulatedPlatform({ random, now: () => NOW, keys });
}

export function rsaKeyPem(modulusLength = 2048): string {
  return generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A context that trusts `platform`, with everything that was logged. */
export function testContext(platform: SimulatedPlatform): { context: AttestationContext; logged: () => string } {
  const log = new PassThrough();
  let text = '';
  log.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const instance: Instance = {
    issuer: ISSUER,
    signingKey: createSigningKey({
      keyPem: rsaKeyPem(),
      certificatePem: undefined,
      issuer: ISSUER,
      clock: () => NOW,
      random,
    }),
  };
  const logger = createLogger({ name: 'attestation', destination: log });
  return {
    context: {
      trust: {
        roots: [platform.trustedRoot],
        complianceTable: [platform.uvmTrust, platform.kata.uvmTrust],
        intermediates: [],
        allowedCspIds: [],
        revocation: () => ({ mode: 'off', lists: [] }),
        chainCache: new SnpChainCache(),
      },
      settings: { allowDebug: true, policyBitClaims: false },
      events: createEvents(logger, createMetricsRegistry('attestation')),
      clock: () => NOW,
      random,
      instance: () => instance,
      tls: undefined,
    },
    logged: () => text,
  };
}

/** The body of a request whose report binds `runtime`. */
export function requestBody(
  platform: SimulatedPlatform,
  runtime: Uint8Array,
  reportData: Uint8Array,
  over: { debug?: boolean; endorsed?: boolean; nonce?: string } = {},
): string {
  const report = platform.attester.report({
    reportData,
    hostData: new Uint8Array(32).fill(7),
    ...(over.debug === undefined ? {} : { debug: over.debug }),
  });
  return formatAttestSevSnpVmRequest({
    snpReport: report,
    vcekCertChain: thimCertificateBundle(platform.thimCertificates()),
    ...(over.endorsed === false ? {} : { uvmEndorsements: [platform.uvmEndorsement()] }),
    runtimeData: { data: runtime, dataType: 'JSON' },
    ...(over.nonce === undefined ? {} : { nonce: over.nonce }),
  });
}
