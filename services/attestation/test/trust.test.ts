import { certificatesToPem, formatAttestSevSnpVmRequest, parseCertificates } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { toUtf8 } from '@holdfast/base';
import { beforeAll, describe, expect, it } from 'vitest';

import { buildApp, configSchema, loadTrust } from '../src/index.ts';
import type { LoadedTrust } from '../src/index.ts';
import { NOW, simulatedPlatform, testContext } from './instance.ts';

describe('loadTrust', () => {
  let platform: SimulatedPlatform;
  let files: Map<string, Uint8Array>;

  beforeAll(async () => {
    platform = await simulatedPlatform();
    const chain = parseCertificates(platform.thimCertificates().certificateChain);
    files = new Map([
      ['root.pem', toUtf8(platform.rootPem)],
      ['ask.pem', toUtf8(certificatesToPem(chain.slice(0, 1)))],
      ['good.crl', platform.revocationList().der],
      ['bad.crl', platform.revocationList({ revoked: true }).der],
      ['noise', toUtf8('noise')],
    ]);
  });

  const load = async (settings: Record<string, unknown>): Promise<LoadedTrust> => {
    const config = configSchema.parse({
      environment: 'test',
      signing_key_file: 'key.pem',
      simulated_root_file: 'root.pem',
      simulated_uvm_endorsers: [platform.uvmTrust, platform.kata.uvmTrust].map(
        ({ issuer, feed, minimumSvn: svn, complianceStatus: status }) => ({ issuer, feed, minimum_svn: svn, status }),
      ),
      ...settings,
    });
    return loadTrust(config, async (file) => files.get(file) ?? Promise.reject(new Error(`no ${file}`)));
  };

  /** Status and message of an attestation of the simulated guest, or the claims of its token. */
  const attest = async (
    trust: LoadedTrust,
    over: { certificates?: string; kata?: boolean; debug?: boolean; allowDebug?: boolean; bits?: boolean } = {},
  ): Promise<{ readonly status: number; readonly text: string }> => {
    const { vcekCert, certificateChain } = platform.thimCertificates();
    const guest = over.kata === true ? platform.kata : platform;
    const payload = formatAttestSevSnpVmRequest({
      snpReport: platform.attester.report({
        reportData: new Uint8Array(64),
        hostData: new Uint8Array(32),
        measurement: guest.measurement,
        debug: over.debug ?? false,
      }),
      vcekCertChain: over.certificates ?? `${vcekCert}${certificateChain}`,
      uvmEndorsements: [guest.uvmEndorsement()],
    });
    const { context } = testContext(platform);
    const settings = { allowDebug: over.allowDebug ?? true, policyBitClaims: over.bits ?? false };
    const answer = await buildApp({ ...context, trust, settings }).inject({
      method: 'POST',
      url: '/attest/SevSnpVm?api-version=2022-08-01',
      headers: { 'content-type': 'application/json' },
      payload,
    });
    const { token, error } = answer.json<{ token?: string; error?: { message: string } }>();
    const claims = Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString();
    return { status: answer.statusCode, text: error?.message ?? claims };
  };

  it('gives Kata guests and container groups their own compliance status, by the feed of the endorsement', async () => {
    const trust = await load({});
    expect((await attest(trust)).text).toContain('"x-ms-compliance-status":"azure-compliant-uvm"');
    expect((await attest(trust, { kata: true })).text).toContain('"x-ms-compliance-status":"azure-signed-katacc-uvm"');
    const groupsOnly = await load({ simulated_uvm_endorsers: [{ issuer: platform.uvmTrust.issuer, feed: 'other' }] });
    expect(await attest(groupsOnly, { kata: true })).toMatchObject({
      status: 400,
      text: expect.stringContaining('UVM_FEED_UNTRUSTED'),
    });
  });

  it('gives a debug Kata guest no status', async () => {
    const { text } = await attest(await load({}), { kata: true, debug: true });
    expect(text).toContain('"x-ms-sevsnpvm-is-debuggable":true');
    expect(text).not.toContain('x-ms-compliance-status');
  });

  it('refuses debug guests, and adds the claims of policy bits, where the configuration says so', async () => {
    const trust = await load({});
    expect(await attest(trust, { debug: true, allowDebug: false })).toMatchObject({
      status: 400,
      text: expect.stringContaining('SNP_DEBUG_ALLOWED'),
    });
    expect((await attest(trust, { bits: true })).text).toContain('"x-ms-sevsnpvm-cxl-allowed":false');
  });

  it('accepts evidence with its leaf alone when the issuer is configured', async () => {
    const certificates = platform.thimCertificates().vcekCert;
    expect((await attest(await load({ intermediate_files: ['ask.pem'] }), { certificates })).status).toBe(200);
    expect(await attest(await load({}), { certificates })).toMatchObject({
      status: 400,
      text: expect.stringContaining('SNP_CHAIN_INCOMPLETE'),
    });
  });

  it('remembers verified bundles, as many as configured', async () => {
    const trust = await load({});
    await attest(trust);
    await attest(trust);
    expect(trust.chainCache?.size).toBe(1);
    expect((await load({ chain_cache_entries: 0 })).chainCache).toBeUndefined();
  });

  it.each([
    ['hard', ['good.crl'], 200, 'sevsnpvm'],
    ['hard', ['bad.crl'], 400, 'SNP_REVOKED'],
    ['soft', ['bad.crl'], 400, 'SNP_REVOKED'],
    ['soft', [], 200, 'sevsnpvm'],
    ['off', ['bad.crl'], 200, 'sevsnpvm'],
  ])('revocation %s with lists %j answers %i', async (revocation, lists, status, text) => {
    const trust = await load({ revocation, revocation_list_files: lists });
    expect(await attest(trust)).toMatchObject({ status, text: expect.stringContaining(text) });
    // Once more, with the chain remembered: what is remembered says nothing about revocation.
    expect((await attest(trust)).status).toBe(status);
  });

  it('refuses what a list that was read again revokes, and keeps its lists when a file is damaged', async () => {
    const trust = await load({ revocation: 'hard', revocation_list_files: ['good.crl'] });
    const good = files.get('good.crl') ?? new Uint8Array();
    try {
      files.set('good.crl', toUtf8('noise'));
      await expect(trust.revocationLists.reload()).rejects.toMatchObject({ code: 'REVOCATION_LIST_INVALID' });
      expect((await attest(trust)).status).toBe(200);
      files.set('good.crl', files.get('bad.crl') ?? new Uint8Array());
      await trust.revocationLists.reload();
      expect((await attest(trust)).status).toBe(400);
    } finally {
      files.set('good.crl', good);
    }
  });

  it('refuses a revocation list that is not current in hard mode', async () => {
    const trust = await load({ revocation: 'hard', revocation_list_files: ['good.crl'] });
    const { context } = testContext(platform);
    expect(context.clock()).toBe(NOW);
    const late = { ...context, trust, clock: () => NOW + 40 * 86_400_000 };
    const { vcekCert, certificateChain } = platform.thimCertificates();
    const answer = await buildApp(late).inject({
      method: 'POST',
      url: '/attest/SevSnpVm?api-version=2022-08-01',
      headers: { 'content-type': 'application/json' },
      payload: formatAttestSevSnpVmRequest({
        snpReport: platform.attester.report({ reportData: new Uint8Array(64), hostData: new Uint8Array(32) }),
        vcekCertChain: `${vcekCert}${certificateChain}`,
      }),
    });
    expect([answer.statusCode, answer.body]).toEqual([400, expect.stringContaining('SNP_REVOCATION_UNKNOWN')]);
  });

  it.each([
    [{ revocation: 'hard' }, 'REVOCATION_LISTS_MISSING'],
    [{ revocation: 'soft', revocation_list_files: ['noise'] }, 'REVOCATION_LIST_INVALID'],
    [{ intermediate_files: ['noise'] }, 'TRUSTED_INTERMEDIATE_INVALID'],
  ])('refuses the settings %j', async (settings, code) => {
    await expect(load(settings)).rejects.toMatchObject({ code, family: 'config' });
  });
});
