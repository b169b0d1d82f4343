import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  createSimulatedPlatform,
  decodeTcb,
  generateSimulatedPlatformKeys,
  parseCertificates,
  parseSnpReport,
} from '@holdfast/attestation';
import type { JsonObject, SimulatedPlatform } from '@holdfast/attestation';
import { fitDigest, initdataDigest } from '@holdfast/initdata';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { affirmingResourcePolicy, denyAllResourcePolicy } from '../src/policies/resource-policies.ts';
import { createMaterial, openBroker, START } from './broker.ts';
import type { Broker, Material } from './broker.ts';
import { Guest } from './guest.ts';

const INIT_DATA = 'algorithm = "sha256"\nversion = "0.1.0"\n\n[data]\n"aa.toml" = \'\'\'\n\'\'\'\n';

let material: Material;
let platform: SimulatedPlatform;
let broker: Broker;

beforeAll(async () => {
  material = createMaterial();
  platform = createSimulatedPlatform({
    keys: await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }),
    now: () => START,
    random: (length) => new Uint8Array(randomBytes(length)),
  });
  writeFileSync(join(material.folder, 'snp-root.pem'), platform.rootPem);
});
afterAll(() => material.remove());

beforeEach(async () => {
  broker = await openBroker(material, {
    changes: { holdfast: { environment: 'test', simulated_root_file: join(material.folder, 'snp-root.pem') } },
  });
  await broker.setResourcePolicy(affirmingResourcePolicy);
  await broker.admin('POST', 'resource/default/test/one', Buffer.from('shhhhhhh'));
  const { measurement, reportedTcb } = evidenceReport(new Uint8Array(64), new Uint8Array(32));
  const tcb = decodeTcb(reportedTcb, 'Milan');
  await broker.register({
    snp_launch_measurement: [Buffer.from(measurement).toString('hex')],
    snp_bootloader: [tcb.bootloader],
    snp_microcode: [tcb.microcode],
    snp_snp_svn: [tcb.snp],
    snp_tee_svn: [tcb.tee],
  });
});

function evidenceReport(reportData: Uint8Array, hostData: Uint8Array) {
  return parseSnpReport(platform.attester.report({ reportData, hostData }));
}

/** Evidence as an attester sends it: the report as JSON. */
function evidenceOf(reportData: Uint8Array, initData: string): JsonObject {
  const hostData = fitDigest(initdataDigest(initData, 'sha256'), 32);
  const report = evidenceReport(reportData, hostData);
  const list = (bytes: Uint8Array): readonly number[] => [...bytes];
  const tcb = (value: bigint): JsonObject => ({ fmc: null, ...decodeTcb(value, 'Milan') });
  const firmware = ({ major, minor, build }: { major: number; minor: number; build: number }): JsonObject => ({
    major,
    minor,
    build,
  });
  const raw = report.bytes;
  const thim = platform.thimCertificates();
  const chain = parseCertificates(thim.vcekCert + thim.certificateChain);
  return {
    attestation_report: {
      version: report.version,
      guest_svn: report.guestSvn,
      policy: report.policy.value,
      family_id: list(report.familyId),
      image_id: list(report.imageId),
      vmpl: report.vmpl,
      sig_algo: report.signatureAlgorithm,
      current_tcb: tcb(report.currentTcb),
      plat_info: report.platformInfo,
      key_info: new DataView(raw.buffer, raw.byteOffset).getUint32(0x48, true),
      report_data: list(report.reportData),
      measurement: list(report.measurement),
      host_data: list(report.hostData),
      id_key_digest: list(report.idKeyDigest),
      author_key_digest: list(report.authorKeyDigest),
      report_id: list(report.reportId),
      report_id_ma: list(report.reportIdMa),
      reported_tcb: tcb(report.reportedTcb),
      cpuid_fam_id: report.cpuid?.family ?? null,
      cpuid_mod_id: report.cpuid?.model ?? null,
      cpuid_step: report.cpuid?.stepping ?? null,
      chip_id: list(report.chipId),
      committed_tcb: tcb(report.committedTcb),
      current: firmware(report.currentFirmware),
      committed: firmware(report.committedFirmware),
      launch_tcb: tcb(report.launchTcb),
      signature: { r: list(raw.subarray(0x2a0, 0x2e8)), s: list(raw.subarray(0x2e8, 0x330)) },
    },
    cert_chain: chain.map((certificate, at) => ({
      cert_type: ['VCEK', 'ASK', 'ARK'][at] ?? 'ASK',
      data: list(certificate.der),
    })),
  };
}

async function attest(guest: Guest, changes: { readonly measured?: string; readonly sent?: string } = {}) {
  await guest.auth('snp');
  const reportData = new Uint8Array(64);
  reportData.set(guest.digest());
  const evidence = evidenceOf(reportData, changes.measured ?? INIT_DATA);
  const text = guest.attestation({ evidence: 'EVIDENCE', initData: changes.sent ?? INIT_DATA });
  return guest.attest(text.replace('"EVIDENCE"', exactJson(evidence)));
}

/** JSON with 64-bit integers as numbers. */
function exactJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `#${part}#` : part)).replace(
    /"#(\d+)#"/g,
    '$1',
  );
}

describe('a guest on SEV-SNP', () => {
  it('gets a resource with the init data that its hardware measured', async () => {
    const guest = new Guest(broker.app);
    expect((await attest(guest)).statusCode).toBe(200);
    const answer = await guest.get('resource/default/test/one');
    expect(guest.open(answer.body)).toBe('shhhhhhh');
  });

  it('is refused when one byte of the init data differs, with the reason in the log and none outside', async () => {
    const guest = new Guest(broker.app);
    const sent = INIT_DATA.replace('0.1.0"\n', '0.1.0" \n');
    const answer = await attest(guest, { sent });
    expect(answer.json()).toEqual({
      type: 'https://github.com/confidential-containers/kbs/errors/AttestationError',
      detail: 'Attestation error: RCAR handshake Attest failed',
    });
    const log = broker.log.join();
    expect(log).toContain('SNP_HOST_DATA_MISMATCH');
    const digest = (text: string): string => Buffer.from(initdataDigest(text, 'sha256')).toString('hex');
    expect(log).toContain(`"place":"HOST_DATA","expected":"${digest(sent)}","received":"${digest(INIT_DATA)}"`);
  });

  it('is denied once a reference value is removed, and once the policy is tightened', async () => {
    const guest = new Guest(broker.app);
    const measured = evidenceReport(new Uint8Array(64), new Uint8Array(32)).measurement;
    const measurement = Buffer.from(measured).toString('hex');
    await broker.admin('DELETE', 'reference-value/snp_launch_measurement');
    await attest(guest);
    const denied = await guest.get('resource/default/test/one');
    expect(denied.json()).toEqual({
      type: 'https://github.com/confidential-containers/kbs/errors/PolicyDeny',
      detail: 'Access denied by policy',
    });
    expect(broker.records('attestation token issued').at(-1)).toMatchObject({
      statuses: ['cpu0: warning'],
      unmet: [
        {
          part: 'cpu0',
          claim: 'executables',
          reference: 'snp_launch_measurement',
          expected: 'nothing',
          received: `"${measurement}"`,
        },
      ],
    });
    const { tokenId } = broker.records('attestation token issued').at(-1) ?? {};
    expect(broker.records('request refused').at(-1)).toMatchObject({
      variant: 'PolicyDeny',
      codes: ['KBS_REFUSED', 'TRUSTEE_RESOURCE_DENIED'],
      reasons: ['Access denied by policy', 'the resource policy does not allow it: cpu0 is warning (executables 33)'],
      facts: [{ tokenId }],
    });
    await broker.register({ snp_launch_measurement: ['00', '01'] });
    await attest(guest);
    expect(broker.records('attestation token issued').at(-1)?.['unmet']).toMatchObject([
      { reference: 'snp_launch_measurement', expected: '["00","01"]', received: `"${measurement}"` },
    ]);
    await broker.register({ snp_launch_measurement: [measurement] });
    await attest(guest);
    expect((await guest.get('resource/default/test/one')).statusCode).toBe(200);
    await broker.setResourcePolicy(denyAllResourcePolicy);
    expect((await guest.get('resource/default/test/one')).body).toContain('PolicyDeny');
  });

  it('is refused with evidence of another session', async () => {
    const first = new Guest(broker.app);
    await first.auth('snp');
    const reportData = new Uint8Array(64);
    reportData.set(first.digest());
    const evidence = evidenceOf(reportData, INIT_DATA);
    const second = new Guest(broker.app);
    await second.auth('snp');
    const text = second.attestation({ evidence: 'EVIDENCE', initData: INIT_DATA });
    expect((await second.attest(text.replace('"EVIDENCE"', exactJson(evidence)))).statusCode).toBe(401);
    expect(broker.log.join()).toContain('SNP_REPORT_DATA_MISMATCH');
  });
});
