import { createPrivateKey } from 'node:crypto';

import { canonicalJson } from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { fromHex, toHex } from '@holdfast/base';
import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { measureInitdata } from '@holdfast/initdata';
import { describe, expect, it } from 'vitest';

import { openReply, protectedText } from '../../src/peer-pod/kbs/open-reply.ts';
import { runtimeDataDigest } from '../../src/peer-pod/kbs/runtime-data.ts';
import type { RuntimeDataHash } from '../../src/peer-pod/kbs/runtime-data.ts';
import { createAzureVtpmMachine } from '../../src/peer-pod/machine/azure-vtpm-machine.ts';
import { createSampleMachine } from '../../src/peer-pod/machine/sample-machine.ts';
import { createSnpMachine } from '../../src/peer-pod/machine/snp-machine.ts';
import { VirtualTpm } from '../../src/peer-pod/machine/virtual-tpm.ts';
import { parseSealedSecret, sealingKeyOf, verifySealedSecret } from '../../src/peer-pod/sealed-secret.ts';
import { testPlatform } from './platform.ts';

type Case = { readonly id: string; readonly input: never; readonly expect: never };

function group(name: string): readonly Case[] {
  const { groups } = loadVectors('trustee.json') as {
    readonly groups: Readonly<Record<string, readonly Case[]>>;
  };
  return groups[name] ?? [];
}

function named(name: string, id: string): Case {
  const found = group(name).find((vector) => vector.id === id);
  if (found === undefined) throw new Error(`no vector ${id}`);
  return found;
}

describe.skipIf(vectorsFolder() === undefined)('known answers of guest components', () => {
  it('digests runtime data as key brokers expect them', () => {
    let count = 0;
    for (const { input, expect: wanted } of group('report_data')) {
      const { runtime_data: data, hash } = input as { runtime_data?: JsonObject; hash: RuntimeDataHash };
      if (data === undefined) continue;
      const { canonical, digest_hex: digest } = wanted as { canonical: string; digest_hex: string };
      expect(canonicalJson(data)).toBe(canonical);
      expect(toHex(runtimeDataDigest(data, hash))).toBe(digest);
      count += 1;
    }
    expect(count).toBe(5);
  });

  it('puts raw report data into evidence as they are', () => {
    const { input, expect: wanted } = named('report_data', 'rd-raw-not-hashed');
    const raw = Buffer.from((input as { raw_runtime_data_utf8: string }).raw_runtime_data_utf8);
    const evidence = createSampleMachine().evidence(raw) as { readonly report_data: string };
    expect(Buffer.from(evidence.report_data, 'base64').toString('hex')).toBe(
      (wanted as { expected_report_data_hex: string }).expected_report_data_hex,
    );
  });

  it('places digests in each kind of evidence', async () => {
    const { expect: wanted } = named('report_data', 'rd-ec-noextra');
    const expected = wanted as Record<string, string>;
    const digest = fromHex(expected['digest_hex'] ?? '');
    const platform = await testPlatform();
    const measurements = measureInitdata('algorithm = "sha256"\nversion = "0.1.0"\n[data]\n');
    expect(createSampleMachine().evidence(digest)).toEqual({
      svn: '1',
      report_data: expected['sample_report_data_b64'],
    });
    const snp = createSnpMachine(platform, measurements).evidence(digest) as {
      readonly attestation_report: { readonly report_data: readonly number[] };
    };
    expect(toHex(Uint8Array.from(snp.attestation_report.report_data))).toBe(expected['snp_tdx_report_data_hex']);
    const azure = (await createAzureVtpmMachine(platform, measurements)).evidence(digest) as {
      readonly tpm_quote: { readonly message: string };
    };
    expect(azure.tpm_quote.message).toContain(`0030${expected['vtpm_extra_data_hex']}`);
  });

  it('makes sample evidence of the known form', () => {
    const { input } = named('sample', 'sample-evidence-ok');
    const { evidence, expected_report_data_hex: digest } = input as {
      evidence: object;
      expected_report_data_hex: string;
    };
    expect(createSampleMachine().evidence(fromHex(digest))).toEqual(evidence);
  });

  it('opens encrypted replies', () => {
    for (const id of ['jwe-ecdh-p256', 'jwe-rsa-oaep-256']) {
      const { input, expect: wanted } = named('jwe', id);
      const given = input as {
        recipient_private_jwk: Record<string, string>;
        plaintext_utf8?: string;
        response?: object;
      };
      const expected = wanted as { response?: object; plaintext_utf8?: string };
      const key = createPrivateKey({ key: given.recipient_private_jwk, format: 'jwk' });
      const opened = openReply(JSON.stringify(given.response ?? expected.response), key);
      expect(Buffer.from(opened).toString()).toBe(given.plaintext_utf8 ?? expected.plaintext_utf8);
    }
  });

  it('authenticates protected headers in the form guest components write', () => {
    const { input, expect: wanted } = named('jwe', 'jwe-aad-fake');
    const header = (input as { protected: JsonObject }).protected;
    expect(protectedText(header)).toBe((wanted as { aad_ascii: string }).aad_ascii);
  });

  it('extends PCR 8 with the digest of initdata', async () => {
    const vectors = group('pcr8');
    expect(vectors).toHaveLength(4);
    for (const { input, expect: wanted } of vectors) {
      const { digest_hex: digest } = input as { digest_hex: string | null };
      const tpm = await VirtualTpm.create();
      if (digest !== null) tpm.extend(8, fromHex(digest).subarray(0, 32));
      expect(toHex(tpm.register(8))).toBe((wanted as { pcr8_hex: string }).pcr8_hex);
    }
  });

  it('reads sealed secrets, verified and with verification skipped', () => {
    const vectors = group('sealed_secret');
    expect(vectors).toHaveLength(2);
    for (const { input, expect: wanted } of vectors) {
      const given = input as { sealed: string; verification_jwk?: JsonObject; skip_verification?: boolean };
      const secret = parseSealedSecret(given.sealed, { skipVerification: given.skip_verification === true });
      if (given.verification_jwk !== undefined) {
        const key = sealingKeyOf(given.verification_jwk);
        if (key === undefined) throw new Error('no key');
        verifySealedSecret(secret, key);
      }
      expect(secret.content).toMatchObject({ type: 'vault', name: (wanted as { resource: string }).resource });
    }
  });
});
