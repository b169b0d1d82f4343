import { Buffer } from 'node:buffer';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { formatThimCertificates } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { fromBase64, toBase64, toHex, toUtf8 } from '@holdfast/base';
import { createApp, listen } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import { manifestInvalid } from './manifest.ts';
import { measureCcePolicy } from './policy.ts';

const REPORT_DATA_BYTES = 64;

export interface GuestSettings {
  /** Starts the guest with the debug bit of its policy set, which every honest verifier refuses. */
  readonly debug: boolean;
}

export interface ConfidentialGuestOptions {
  readonly platform: SimulatedPlatform;
  /** Value of the policy annotation: Base64 of the policy text. */
  readonly policy: string;
  readonly settings: GuestSettings;
  /** Folder of this pod, for the security context. */
  readonly folder: string;
}

/** A simulated utility VM that runs one pod. */
export interface ConfidentialGuest {
  /** Lower-case hex SHA-256 of the policy: the HOST_DATA of every report of this guest. */
  readonly hostData: string;
  readonly securityContextFolder: string;
  /** Where the containers get reports: POST 64 bytes of report data, get 1184 bytes of report. */
  readonly firmwareUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts a guest: measures the policy, writes the security context folder as a container group has it, and opens the
 * firmware's endpoint on loopback. Enforcement of the policy is not simulated.
 * @throws MalformedError MANIFEST_INVALID when the policy annotation is not Base64
 */
export async function startConfidentialGuest(options: ConfidentialGuestOptions): Promise<ConfidentialGuest> {
  const hostData = measureCcePolicy(decodePolicy(options.policy));
  const securityContextFolder = join(options.folder, 'security-context');
  await writeSecurityContext(securityContextFolder, options);
  const app = buildFirmwareApp(options, hostData);
  const firmwareUrl = await listen(app, { host: '127.0.0.1', port: 0 });
  return { hostData: toHex(hostData), securityContextFolder, firmwareUrl, stop: () => app.close() };
}

function decodePolicy(annotation: string): Uint8Array {
  try {
    return fromBase64(annotation);
  } catch (cause) {
    throw manifestInvalid('the policy annotation is not Base64', cause);
  }
}

async function writeSecurityContext(folder: string, options: ConfidentialGuestOptions): Promise<void> {
  const certificates = formatThimCertificates(options.platform.thimCertificates());
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'security-policy-base64'), options.policy);
  await writeFile(join(folder, 'host-amd-cert-base64'), toBase64(toUtf8(certificates)));
  await writeFile(join(folder, 'reference-info-base64'), toBase64(options.platform.uvmEndorsement()));
}

/** The firmware's endpoint as an app: POST / with 64 bytes. */
function buildFirmwareApp(options: ConfidentialGuestOptions, hostData: Uint8Array): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 4096 });
  app.post('/', async (request, reply) => {
    const reportData = request.body;
    if (!(reportData instanceof Uint8Array) || reportData.length !== REPORT_DATA_BYTES) {
      return reply.code(400).type('text/plain').send(`report data has ${REPORT_DATA_BYTES} bytes\n`);
    }
    const report = options.platform.attester.report({ reportData, hostData, debug: options.settings.debug });
    return reply.type('application/octet-stream').send(Buffer.from(report));
  });
  return app;
}
