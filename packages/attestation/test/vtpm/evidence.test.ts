import { createHash, generateKeyPairSync } from 'node:crypto';

import { concatBytes, toBase64Url, toHex, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  amdRoots,
  appraiseVtpmEvidence,
  generateSimulatedPlatformKeys,
  parseCertificates,
  parseHclReport,
  parseTpmQuote,
  parseVtpmEvidence,
  simulatedRoot,
  verifyVtpmEvidence,
} from '../../src/index.ts';
import type {
  Certificate,
  SimulatedPlatformKeys,
  SnpTrustedRoot,
  VtpmEvidence,
  VtpmEvidenceOptions,
} from '../../src/index.ts';
import { codeOf, flipBit, makeChain, makeReport, NOW } from '../support/chain.ts';
import { haveVectors, vectorBytes, vectorText } from '../support/vectors.ts';
import { bindingOf, hclReport, PCRS, quoteMessage, runtimeDataFor, signedEvidence } from '../support/vtpm.ts';

const ak = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherAk = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weakAk = generateKeyPairSync('rsa', { modulusLength: 1024 });
const nonce = toUtf8('challenge');
const runtimeData = runtimeDataFor(ak.publicKey);
let keys: SimulatedPlatformKeys;
let roots: readonly SnpTrustedRoot[];
let intermediates: readonly Certificate[];
let vcek: Uint8Array;
let evidence: VtpmEvidence;

beforeAll(async () => {
  keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  const chain = makeChain(keys);
  roots = [simulatedRoot(chain.ark.der)];
  intermediates = [chain.ask];
  vcek = chain.vcek.der;
  evidence = signedEvidence(
    { version: 1, message: quoteMessage(), hclReport: reportOver(runtimeData), vcek },
    ak.privateKey,
  );
});

function reportOver(data: Uint8Array, fields?: Readonly<Record<number, number>>): Uint8Array {
  return hclReport(makeReport(keys, { reportData: bindingOf(data) }), data, fields);
}

function failures(changes: Partial<VtpmEvidence> = {}, options: VtpmEvidenceOptions = { nonce }): readonly string[] {
  const verdict = appraiseVtpmEvidence({ ...evidence, ...changes }, { roots, intermediates, now: () => NOW, options });
  const failed = verdict.checks.flatMap((check) => check.code ?? []);
  expect(verdict.ok).toBe(failed.length === 0);
  return failed;
}

function requoted(options: Parameters<typeof quoteMessage>[0], version: VtpmEvidence['version'] = 1): VtpmEvidence {
  return signedEvidence({ ...evidence, version, message: quoteMessage(options) }, ak.privateKey);
}

describe('appraiseVtpmEvidence', () => {
  it('accepts evidence that holds, and yields quote, runtime data and report', () => {
    const verdict = verifyVtpmEvidence(evidence, { roots, intermediates, now: () => NOW, options: { nonce } });
    expect(verdict.snp?.product).toBe('Milan');
    expect(toHex(verdict.quote?.extraData ?? new Uint8Array())).toBe(toHex(nonce));
    expect(verdict.runtimeData).toMatchObject({ 'vm-configuration': { 'secure-boot': true } });
  });

  it('refuses a quote by another attestation key', () => {
    const forged = signedEvidence({ ...evidence }, otherAk.privateKey);
    expect(failures(forged)).toEqual(['VTPM_QUOTE_SIGNATURE_INVALID']);
  });

  it('refuses another nonce, an empty one, and none at all', () => {
    for (const expected of [toUtf8('challengf'), toUtf8('challeng'), new Uint8Array()])
      expect(failures({}, { nonce: expected })).toEqual(['VTPM_NONCE_MISMATCH']);
    expect(failures({}, {})).toEqual(['VTPM_NONCE_MISMATCH']);
    expect(failures({}, { noFreshness: true })).toEqual([]);
    expect(failures(requoted({ nonce: new Uint8Array() }), { nonce: new Uint8Array() })).toEqual([
      'VTPM_NONCE_MISMATCH',
    ]);
  });

  it('refuses registers that are not those of the quote', () => {
    const pcrs = PCRS.map((value, index) => (index === 8 ? new Uint8Array(32) : value));
    expect(failures({ pcrs })).toEqual(['VTPM_PCR_MISMATCH']);
  });

  it('refuses a quote over fewer registers or over another bank', () => {
    expect(failures(requoted({ bitmap: 'ffff7f' }))).toEqual(['VTPM_PCR_SELECTION_REFUSED']);
    expect(failures(requoted({ bitmap: 'ffff' }))).toEqual(['VTPM_PCR_SELECTION_REFUSED']);
    expect(failures(requoted({ bank: '0004' }))).toEqual(['VTPM_PCR_SELECTION_REFUSED']);
  });

  it('refuses runtime data that the hardware report does not bind', () => {
    const swapped = hclReport(
      makeReport(keys, { reportData: bindingOf(runtimeData) }),
      runtimeDataFor(otherAk.publicKey),
    );
    const forged = signedEvidence({ ...evidence, hclReport: swapped }, otherAk.privateKey);
    expect(failures(forged)).toEqual(['VTPM_RUNTIME_DATA_MISMATCH']);
    const upperHalf = hclReport(makeReport(keys, { reportData: bindingOf(runtimeData).fill(1, 63) }), runtimeData);
    expect(failures({ hclReport: upperHalf })).toEqual(['VTPM_RUNTIME_DATA_MISMATCH']);
  });

  it('refuses runtime data without a single strong attestation key', () => {
    const entry = { kid: 'HCLAkPub', kty: 'RSA', ...ak.publicKey.export({ format: 'jwk' }) } as const;
    const jwk = { kid: entry.kid, kty: 'RSA', n: entry.n ?? '', e: entry.e ?? '' };
    for (const data of [
      runtimeDataFor(weakAk.publicKey),
      runtimeDataFor(ak.publicKey, { keys: [] }),
      runtimeDataFor(ak.publicKey, { keys: [jwk, jwk] }),
      runtimeDataFor(ak.publicKey, { keys: [{ ...jwk, kid: 'HCLEkPub' }] }),
    ]) {
      expect(failures({ hclReport: reportOver(data) })[0]).toBe('VTPM_ATTESTATION_KEY_INVALID');
    }
  });

  it.each([
    ['a variable size beyond the buffer', { 1232: 5000 }],
    ['sizes that do not fit together', { 1216: 40 }],
    ['a total size that does not fit', { 8: 100 }],
    ['another request type', { 12: 1 }],
    ['a status', { 16: 1 }],
    ['a reserved field in use', { 20: 1 }],
    ['version 3', { 4: 3 }],
    ['an unknown hash type', { 1228: 4 }],
  ])('refuses a paravisor report with %s', (_name, fields) => {
    expect(failures({ hclReport: reportOver(runtimeData, fields) })).toEqual(['VTPM_FORMAT_INVALID']);
  });

  it('refuses a paravisor report of TDX by its kind', () => {
    expect(failures({ hclReport: reportOver(runtimeData, { 1224: 4 }) })).toEqual(['VTPM_REPORT_TYPE_UNSUPPORTED']);
  });

  it('demands the nonce at the start of the user data in version 2', () => {
    expect(failures(requoted({}, 2))).toEqual(['VTPM_USER_DATA_MISMATCH']);
    const userData = toHex(concatBytes(nonce, new Uint8Array(64 - nonce.length))).toUpperCase();
    const data = runtimeDataFor(ak.publicKey, { 'user-data': userData });
    expect(failures({ ...requoted({}, 2), hclReport: reportOver(data) })).toEqual([]);
  });

  it('compares PCR 8 with init data that are expected', () => {
    const initDataDigest = new Uint8Array(32).fill(3);
    expect(failures({}, { nonce, initDataDigest })).toEqual(['VTPM_INIT_DATA_MISMATCH']);
    const measured = createHash('sha256')
      .update(concatBytes(new Uint8Array(32), initDataDigest))
      .digest();
    const pcrs = PCRS.map((value, index) => (index === 8 ? new Uint8Array(measured) : value));
    const quoted = signedEvidence({ ...evidence, pcrs, message: quoteMessage({ pcrs }) }, ak.privateKey);
    expect(failures(quoted, { nonce, initDataDigest })).toEqual([]);
    expect(failures(quoted, { nonce, initDataDigest: initDataDigest.subarray(0, 31) })).toEqual([
      'VTPM_INIT_DATA_MISMATCH',
    ]);
  });

  it('lists what is wrong with the hardware report too', () => {
    const debug = makeReport(keys, { reportData: bindingOf(runtimeData), policy: 0xb001fn, vmpl: 1 });
    expect(failures({ hclReport: hclReport(debug, runtimeData) })).toEqual(['SNP_DEBUG_ALLOWED', 'SNP_VMPL_REFUSED']);
  });

  it('never accepts one flipped bit in the paravisor report, the quote or its signature', () => {
    fc.assert(
      fc.property(fc.constantFrom('hclReport', 'message', 'signature'), fc.nat(), (part, position) => {
        const bytes = evidence[part];
        expect(failures({ [part]: flipBit(bytes, position % (bytes.length * 8)) })).not.toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses a quote that is cut at any length', () => {
    for (let length = 0; length < evidence.message.length; length += 1)
      expect(codeOf(() => parseTpmQuote(evidence.message.subarray(0, length)))).toBe('VTPM_QUOTE_INVALID');
  });

  it('refuses a paravisor report that is cut anywhere before the zeros at its end', () => {
    const used = 1236 + runtimeData.length;
    for (let length = 0; length < used; length += 1)
      expect(codeOf(() => parseHclReport(evidence.hclReport.subarray(0, length)))).toBe('VTPM_FORMAT_INVALID');
  });
});

describe('parseVtpmEvidence', () => {
  function json(changes: Readonly<Record<string, unknown>> = {}): string {
    const tpmQuote = { message: toHex(evidence.message), signature: toHex(evidence.signature), pcrs: PCRS.map(toHex) };
    return JSON.stringify({
      version: 1,
      tpm_quote: tpmQuote,
      hcl_report: toBase64Url(evidence.hclReport),
      vcek: `${toBase64Url(vcek)}${'='.repeat((4 - (toBase64Url(vcek).length % 4)) % 4)}`,
      ...changes,
    });
  }

  it('reads padded and unpadded Base64url', () => {
    expect(failures(parseVtpmEvidence(json()))).toEqual([]);
  });

  it.each([
    ['another version', { version: 3 }],
    ['a version that is a text', { version: '1' }],
    ['no quote', { tpm_quote: undefined }],
    ['a VCEK that is not Base64url', { vcek: '*' }],
    ['23 registers', { tpm_quote: { message: '', signature: '', pcrs: PCRS.slice(1).map(toHex) } }],
    ['a register of 20 bytes', { tpm_quote: { message: '', signature: '', pcrs: PCRS.map(() => '00'.repeat(20)) } }],
  ])('refuses %s', (_name, changes) => {
    expect(codeOf(() => parseVtpmEvidence(json(changes)))).toBe('VTPM_FORMAT_INVALID');
  });

  it('lets only its own error escape, whatever text comes in', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(codeOf(() => parseVtpmEvidence(text))).toBe('VTPM_FORMAT_INVALID');
      }),
    );
  });
});

describe.skipIf(!haveVectors)('real evidence of confidential VMs', () => {
  const amd = (): { roots: readonly SnpTrustedRoot[]; intermediates: readonly Certificate[] } => {
    const [ask, ark] = parseCertificates(vectorText('roots/milan_ask_ark_vcek.pem'));
    if (ask === undefined || ark === undefined) throw new Error('two certificates are due');
    return {
      roots: amdRoots.map((root) => (root.product === 'Milan' ? { ...root, certificate: ark } : root)),
      intermediates: [ask],
    };
  };

  it.each(['az-snp-vtpm/evidence-v0.json', 'az-snp-vtpm/evidence-v1.json'])('accepts %s for its nonce', (name) => {
    const parsed = parseVtpmEvidence(vectorBytes(name));
    const verify = (expected: Uint8Array) =>
      appraiseVtpmEvidence(parsed, { ...amd(), now: () => NOW, options: { nonce: expected } });
    expect(verify(nonce).checks.filter((check) => !check.ok)).toEqual([]);
    expect(verify(nonce).ok).toBe(true);
    expect(verify(toUtf8('other')).checks.flatMap((check) => check.code ?? [])).toEqual(['VTPM_NONCE_MISMATCH']);
    if (name.includes('v0')) expect(toHex(parsed.pcrs[0] ?? new Uint8Array())).toMatch(/^e15c4479/);
  });

  it('reads the paravisor report by itself', () => {
    const { version, hash, runtimeData: data } = parseHclReport(vectorBytes('az-snp-vtpm/hcl-report.bin'));
    expect([version, hash, data.length]).toEqual([1, 'sha256', 1110]);
  });
});
