import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  appraiseSevSnpVm,
  createSimulatedPlatform,
  formatAttestSevSnpVmRequest,
  generateSimulatedPlatformKeys,
  parseAttestSevSnpVmRequest,
  parseSnpReport,
  thimCertificateBundle,
} from '@holdfast/attestation';
import type { JsonObject, SimulatedPlatform } from '@holdfast/attestation';
import { fromBase64, toBase64, toHex, toUtf8 } from '@holdfast/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startConfidentialGuest } from '../../src/virtual-node/confidential-guest.ts';
import type { ConfidentialGuest, UtilityVm } from '../../src/virtual-node/confidential-guest.ts';
import { temporaryFolder } from '../../testing/index.ts';

const NOW = 1_760_000_000_000;
const policy = toUtf8('package agent_policy\n\ndefault AllowRequestsFailingPolicy := false\n');
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

describe('startConfidentialGuest', () => {
  let home: Awaited<ReturnType<typeof temporaryFolder>>;
  let platform: SimulatedPlatform;
  const guests: ConfidentialGuest[] = [];

  beforeAll(async () => {
    home = await temporaryFolder();
    const keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
    platform = createSimulatedPlatform({ random, now: () => NOW, keys });
  });
  afterAll(async () => {
    await Promise.all(guests.map((guest) => guest.stop()));
    await home[Symbol.asyncDispose]();
  });

  const start = async (utilityVm: UtilityVm | undefined, debug = false): Promise<ConfidentialGuest> => {
    const guest = await startConfidentialGuest({
      platform,
      policy: toBase64(policy),
      settings: { debug },
      folder: join(home.path, `${utilityVm ?? 'none'}-${debug}`),
      ...(utilityVm === undefined ? {} : { utilityVm }),
    });
    guests.push(guest);
    return guest;
  };
  const claimsOf = async (guest: ConfidentialGuest): Promise<JsonObject> => {
    const answer = await fetch(guest.firmwareUrl, { method: 'POST', body: new Uint8Array(64) });
    const request = formatAttestSevSnpVmRequest({
      snpReport: new Uint8Array(await answer.arrayBuffer()),
      vcekCertChain: thimCertificateBundle(platform.thimCertificates()),
      uvmEndorsements: [guest.uvmEndorsement],
    });
    return appraiseSevSnpVm(parseAttestSevSnpVmRequest(request), {
      roots: [platform.trustedRoot],
      complianceTable: [platform.uvmTrust, platform.kata.uvmTrust],
      now: () => NOW,
      random,
      issuer: 'https://attest.test',
    }).claims;
  };

  it.each([
    [undefined, 'azure-compliant-uvm'],
    ['container-group', 'azure-compliant-uvm'],
    ['kata', 'azure-signed-katacc-uvm'],
  ] as const)('of utility VM %s earns the compliance status %s', async (utilityVm, status) => {
    const claims = await claimsOf(await start(utilityVm));
    expect(claims['x-ms-compliance-status']).toBe(status);
    expect(claims['x-ms-sevsnpvm-hostdata']).toBe(createHash('sha256').update(policy).digest('hex'));
  });

  it('earns no status when it may be debugged', async () => {
    const claims = await claimsOf(await start('kata', true));
    expect(claims['x-ms-sevsnpvm-is-debuggable']).toBe(true);
    expect(claims['x-ms-compliance-status']).toBeUndefined();
  });

  it('keeps the endorsement that fits its measurement in the security context', async () => {
    const guest = await start('kata');
    const text = await readFile(join(guest.securityContextFolder, 'reference-info-base64'), 'utf8');
    expect(fromBase64(text)).toEqual(guest.uvmEndorsement);
    const answer = await fetch(guest.firmwareUrl, { method: 'POST', body: new Uint8Array(64) });
    const report = parseSnpReport(new Uint8Array(await answer.arrayBuffer()));
    expect(toHex(report.measurement)).toBe(toHex(platform.kata.measurement));
  });

  it('gives no report for report data of another length', async () => {
    const guest = await start('container-group');
    const answer = await fetch(guest.firmwareUrl, { method: 'POST', body: new Uint8Array(63) });
    expect(answer.status).toBe(400);
  });
});
