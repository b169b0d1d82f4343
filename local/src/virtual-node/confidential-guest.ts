import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { formatThimCertificates } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { fromBase64, toBase64, toHex, toUtf8 } from '@holdfast/base';
import { createApp, listen } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import { manifestInvalid } from './manifest.ts';

const REPORT_DATA_BYTES = 64;

export interface GuestSettings {
  /** Starts the guest with the debug bit of its policy set, which every honest verifier refuses. */
  readonly debug: boolean;
}

/** Whose utility VM a guest starts: that of container groups (virtual nodes), or that of Kata pods on a confidential node. */
export type UtilityVm = 'container-group' | 'kata';

export interface ConfidentialGuestOptions {
  readonly platform: SimulatedPlatform;
  /** Value of the policy annotation: Base64 of the policy text. */
  readonly policy: string;
  readonly settings: GuestSettings;
  /** Decides measurement, endorsement and so the compliance status of tokens; `container-group` when missing. */
  readonly utilityVm?: UtilityVm;
  /** Folder of this pod, for the security context. */
  readonly folder: string;
}

/** A simulated utility VM that runs one pod. */
export interface ConfidentialGuest {
  /** The endorsement of its utility VM (COSE_Sign1), which Kata hosts keep as `reference-info-base64` for the sidecar to mount. */
  readonly uvmEndorsement: Uint8Array;
  /** Lower-case hex SHA-256 of the policy: the HOST_DATA of every report of this guest. */
  readonly hostData: string;
  readonly securityContextFolder: string;
  /** Where the containers get reports: POST 64 bytes of report data, get 1184 bytes of report. */
  readonly firmwareUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts a guest: measures the policy, writes the security context folder as a container group has it, and opens the
 * firmware's endpoint on loopback. What the policy admits is asked of `GuestEnforcement`.
 * @throws MalformedError MANIFEST_INVALID when the policy annotation is not Base64
 */
export async function startConfidentialGuest(options: ConfidentialGuestOptions): Promise<ConfidentialGuest> {
  const hostData = createHash('sha256').update(decodePolicy(options.policy)).digest();
  const utilityVm = utilityVmOf(options);
  const securityContextFolder = join(options.folder, 'security-context');
  await writeSecurityContext(securityContextFolder, options, utilityVm.endorsement);
  const app = buildFirmwareApp(options, hostData, utilityVm.measurement);
  const firmwareUrl = await listen(app, { host: '127.0.0.1', port: 0 });
  return {
    hostData: toHex(hostData),
    uvmEndorsement: utilityVm.endorsement,
    securityContextFolder,
    firmwareUrl,
    stop: () => app.close(),
  };
}

function utilityVmOf({ platform, utilityVm }: ConfidentialGuestOptions): {
  readonly measurement: Uint8Array;
  readonly endorsement: Uint8Array;
} {
  const started = utilityVm === 'kata' ? platform.kata : platform;
  return { measurement: started.measurement, endorsement: started.uvmEndorsement() };
}

function decodePolicy(annotation: string): Uint8Array {
  try {
    return fromBase64(annotation);
  } catch (cause) {
    throw manifestInvalid('the policy annotation is not Base64', cause);
  }
}

async function writeSecurityContext(
  folder: string,
  options: ConfidentialGuestOptions,
  endorsement: Uint8Array,
): Promise<void> {
  const certificates = formatThimCertificates(options.platform.thimCertificates());
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'security-policy-base64'), options.policy);
  await writeFile(join(folder, 'host-amd-cert-base64'), toBase64(toUtf8(certificates)));
  await writeFile(join(folder, 'reference-info-base64'), toBase64(endorsement));
}

/** The firmware's endpoint as an app: POST / with 64 bytes. */
function buildFirmwareApp(
  options: ConfidentialGuestOptions,
  hostData: Uint8Array,
  measurement: Uint8Array,
): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 4096 });
  app.post('/', async (request, reply) => {
    const reportData = request.body;
    if (!(reportData instanceof Uint8Array) || reportData.length !== REPORT_DATA_BYTES) {
      return reply.code(400).type('text/plain').send(`report data has ${REPORT_DATA_BYTES} bytes\n`);
    }
    const { debug } = options.settings;
    const report = options.platform.attester.report({ reportData, hostData, measurement, debug });
    return reply.type('application/octet-stream').send(Buffer.from(report));
  });
  return app;
}
