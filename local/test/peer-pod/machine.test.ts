import { randomBytes } from 'node:crypto';

import {
  formatJson,
  parseCertificate,
  parseCertificates,
  parseVtpmEvidence,
  verifySnpEvidence,
  verifyVtpmEvidence,
} from '@holdfast/attestation';
import type { JsonObject, JsonValue, SimulatedPlatform } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import { initdataReferenceValue, measureInitdata } from '@holdfast/initdata';
import { beforeAll, describe, expect, it } from 'vitest';

import { createMachine } from '../../src/peer-pod/machine/create-machine.ts';
import type { Machine } from '../../src/peer-pod/machine/machine.ts';
import { DOCUMENT, NOW, testPlatform } from './platform.ts';

const measurements = measureInitdata(DOCUMENT);
const nonce = new Uint8Array(randomBytes(48));
let platform: SimulatedPlatform;

beforeAll(async () => {
  platform = await testPlatform();
});

describe('a simulated machine of Azure', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await createMachine('azure-snp-vtpm', measurements, platform);
  });

  const verify = (evidence: JsonValue, expected: Uint8Array): void => {
    verifyVtpmEvidence(parseVtpmEvidence(formatJson(evidence)), {
      roots: [platform.trustedRoot],
      intermediates: parseCertificates(platform.thimCertificates().certificateChain),
      now: () => NOW,
      options: { nonce: expected, initDataDigest: measurements.digest },
    });
  };

  it('makes evidence that a verifier of Azure evidence takes, initdata and all', () => {
    expect(() => verify(machine.evidence(nonce), nonce)).not.toThrow();
  });

  it('binds evidence to its report data', () => {
    const other = new Uint8Array(randomBytes(48));
    expect(() => verify(machine.evidence(nonce), other)).toThrow(
      expect.objectContaining({ code: 'VTPM_NONCE_MISMATCH' }),
    );
  });

  it('quotes its registers: another value of PCR 8 does not verify', () => {
    const evidence = machine.evidence(nonce) as {
      readonly tpm_quote: { readonly pcrs: readonly string[] };
    } & JsonObject;
    const pcrs = evidence.tpm_quote.pcrs.with(8, '00'.repeat(32));
    const forged = { ...evidence, tpm_quote: { ...evidence.tpm_quote, pcrs } };
    expect(() => verify(forged, nonce)).toThrow(expect.objectContaining({ code: 'VTPM_PCR_MISMATCH' }));
  });

  it('measures into PCR 8 what the tenant registers as the reference value', () => {
    expect(machine.measured).toEqual({ register: 'PCR 8', value: toHex(measurements.pcr8) });
    const registered = initdataReferenceValue([DOCUMENT], { platform: 'azure-snp', expires: NOW });
    expect(machine.referenceValues['snp_pcr08']).toEqual(registered.value);
  });

  it('does not pass the document on', () => {
    expect(machine.passesInitdata).toBe(false);
  });

  it('extends a register on demand, and no other', async () => {
    const extended = await createMachine('azure-snp-vtpm', measurements, platform);
    const registers = (): readonly string[] =>
      (extended.evidence(nonce) as { readonly tpm_quote: { readonly pcrs: readonly string[] } }).tpm_quote.pcrs;
    const before = registers();
    extended.extend?.(17, new Uint8Array(32));
    const changed = registers().flatMap((value, register) => (value === before[register] ? [] : [register]));
    expect(changed).toEqual([17]);
  });
});

describe('a simulated machine of bare SNP', () => {
  it('makes evidence that holds the digest in HOST_DATA', async () => {
    const machine = await createMachine('snp', measurements, platform);
    expect(machine.measured).toEqual({ register: 'HOST_DATA', value: toHex(measurements.digest) });
    const evidence = machine.evidence(nonce) as unknown as {
      readonly attestation_report: { readonly host_data: readonly number[] };
      readonly cert_chain: readonly { readonly data: readonly number[] }[];
    };
    expect(evidence.attestation_report.host_data).toEqual([...measurements.digest]);
    const reportData = new Uint8Array(64);
    reportData.set(nonce);
    const verified = verifySnpEvidence({
      report: platform.attester.report({ reportData, hostData: measurements.hostData }),
      certificates: evidence.cert_chain.map(({ data }) => parseCertificate(Uint8Array.from(data))),
      roots: [platform.trustedRoot],
      now: () => NOW,
      options: { reportData, hostData: measurements.hostData },
    });
    expect(toHex(verified.report.measurement)).toBe(
      (machine.referenceValues['snp_launch_measurement'] as readonly string[])[0],
    );
  });
});

describe('every machine', () => {
  it.each(['azure-snp-vtpm', 'snp', 'sample'] as const)('%s refuses runtime data that do not fit', async (name) => {
    const machine = await createMachine(name, measurements, platform);
    for (const length of [0, 65]) {
      expect(() => machine.evidence(new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'PEER_POD_REPORT_DATA_INVALID' }),
      );
    }
  });

  it('says when its hardware is missing', async () => {
    await expect(createMachine('snp', measurements, undefined)).rejects.toMatchObject({
      code: 'PEER_POD_PLATFORM_MISSING',
    });
  });
});
