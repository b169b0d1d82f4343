import { createHash } from 'node:crypto';

import { toUtf8 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import {
  amdRoots,
  appraiseSevSnpVm,
  appraiseSnpCertificates,
  appraiseSnpEvidence,
  appraiseVtpmEvidence,
  parseAttestationJwks,
  parseAttestSevSnpVmRequest,
  parseCertificates,
  parseHclReport,
  parseJsonObject,
  parseLedgerKeys,
  parseSnpCertificateTable,
  parseSnpReport,
  parseThimCertificates,
  parseVtpmEvidence,
  productionUvmTrust,
  snpValidityProblems,
  spkiSha256,
  thimCertificateBundle,
  thimTcb,
  verifyAttestationToken,
  verifyUvmEndorsement,
} from '../src/index.ts';
import type { SnpEvidence, SnpEvidenceOptions, UvmTrustEntry } from '../src/index.ts';
import { resolveDidX509 } from '../src/x509/did-x509.ts';
import { codeOf } from './support/chain.ts';
import { fromBase64Text, haveVectors, vectorBytes, vectorPem, vectorText } from './support/vectors.ts';

/** A moment at which all certificates of the set are valid except those that the index says have expired. */
const NOW = Date.UTC(2026, 5, 1);
const OLD_BUILDS: readonly UvmTrustEntry[] = productionUvmTrust.map((entry) => ({ ...entry, minimumSvn: 22 }));
const LEDGER = 'esrp-cts-db.confidential-ledger.azure.com';

/** The codes of all failed checks, in order. */
function failures(
  report: Uint8Array,
  certificates: SnpEvidence['certificates'],
  options: SnpEvidenceOptions = {},
  now = NOW,
): readonly string[] {
  const verdict = appraiseSnpEvidence({
    report,
    certificates,
    roots: amdRoots,
    now: () => now,
    options: { noFreshness: true, ...options },
  });
  const failed = verdict.checks.flatMap((check) => check.code ?? []);
  expect(verdict.ok).toBe(failed.length === 0);
  return failed;
}

function endorsed(
  cose: Uint8Array,
  trustedIssuers: readonly UvmTrustEntry[] = productionUvmTrust,
  measurement?: Uint8Array,
) {
  const expected = measurement === undefined ? {} : { measurement };
  return codeOf(() => verifyUvmEndorsement(cose, { trustedIssuers, now: () => NOW, ...expected }));
}

function milan(leaf: string, chain = 'roots/milan_ask_ark_vcek.pem'): string {
  return vectorPem(leaf) + vectorText(chain);
}

function anchorOf(file: string): string | undefined {
  const [intermediate, root] = parseCertificates(vectorText(file));
  const pin = amdRoots.find((each) => root !== undefined && each.spkiSha256 === spkiSha256(root));
  expect(intermediate?.issuerDer).toEqual(root?.subjectDer);
  return pin?.product;
}

const caci = {
  thim: () => parseThimCertificates(vectorBytes('caci-svn22/uvm_host_amd_certificate.json')),
  policy: () => fromBase64Text(vectorText('caci-svn22/uvm_security_policy.base64')),
  report: () => vectorBytes('caci-svn22/snp_report.bin'),
  endorsement: () => vectorBytes('caci-svn22/body.uvm_reference_info.bin'),
};

function checkContainerGroup(): void {
  const hostData = createHash('sha256').update(caci.policy()).digest();
  const bundle = thimCertificateBundle(caci.thim());
  expect(failures(caci.report(), bundle, { hostData, thimTcb: thimTcb(caci.thim()) })).toEqual([]);
  const { measurement } = parseSnpReport(caci.report());
  expect(endorsed(caci.endorsement(), productionUvmTrust, measurement)).toBe('UVM_SVN_TOO_LOW');
  expect(endorsed(caci.endorsement(), OLD_BUILDS, measurement)).toBe('nothing');
}

/** Certificates and endorsement hold on their own; with any other report they belong to another machine. */
function checkSecurityContext(): void {
  const thim = parseThimCertificates(fromBase64Text(vectorText('security-context/host-amd-cert-base64')));
  const bundle = thimCertificateBundle(thim);
  const { chain, ...appraisal } = appraiseSnpCertificates(bundle, { roots: amdRoots, intermediates: undefined });
  expect([appraisal.located, appraisal.names, appraisal.signatures, appraisal.extensionProblems]).toEqual([
    [],
    [],
    [],
    [],
  ]);
  expect(chain === undefined ? undefined : snpValidityProblems(chain, NOW)).toEqual([]);
  const cose = fromBase64Text(vectorText('security-context/reference-info-base64'));
  expect(endorsed(cose)).toBe('nothing');

  const { measurement } = parseSnpReport(caci.report());
  expect(endorsed(cose, productionUvmTrust, measurement)).toBe('UVM_MEASUREMENT_MISMATCH');
  expect(failures(caci.report(), bundle)[0]).toBe('SNP_CHIP_ID_MISMATCH');
  const policy = fromBase64Text(vectorText('security-context/security-policy-base64'));
  const hostData = createHash('sha256').update(policy).digest();
  const paired = failures(caci.report(), thimCertificateBundle(caci.thim()), { hostData });
  expect(paired).toEqual(['SNP_HOST_DATA_MISMATCH']);
}

function checkVlek(): void {
  const bundle = milan('milan-v3-vlek/vlek.der', 'roots/milan_asvk_ark_vlek.pem');
  const report = vectorBytes('milan-v3-vlek/report.bin');
  const allowed = { allowedVmpls: [1], allowedCspIds: ['CN=cc-us-east-2.amazonaws.com'] };
  expect(failures(report, bundle, allowed, Date.UTC(2025, 5, 1))).toEqual([]);
  expect(failures(report, bundle, allowed, Date.UTC(2024, 11, 9))).toEqual(['SNP_NOT_YET_VALID']);
  expect(failures(report, bundle, allowed)).toEqual(['SNP_EXPIRED']);
  expect(failures(report, bundle, { ...allowed, allowedVmpls: [0] }, Date.UTC(2025, 5, 1))).toEqual([
    'SNP_VMPL_REFUSED',
  ]);
}

function checkConfidentialVm(): void {
  const blob = vectorBytes('azure-cvm-igvm/attestation.bin');
  const runtimeData = vectorBytes('azure-cvm-igvm/runtimedata.bin');
  const reportData = new Uint8Array(64);
  reportData.set(createHash('sha256').update(runtimeData).digest());
  const bundle = `${vectorText('azure-cvm-igvm/vcek.pem')}\n${vectorText('azure-cvm-igvm/certchain.pem')}`;
  expect(failures(blob.subarray(0, 1184), bundle, { reportData })).toEqual([]);
  const header = new DataView(blob.buffer, blob.byteOffset + 1184, 20);
  expect([0, 4, 8, 12, 16].map((offset) => header.getUint32(offset, true))).toEqual([604, 1, 2, 1, runtimeData.length]);
}

function checkVtpm(file: string): void {
  const [ask, certificate] = parseCertificates(vectorText('roots/milan_ask_ark_vcek.pem'));
  const roots = amdRoots.map((root) =>
    root.product === 'Milan' && certificate !== undefined ? { ...root, certificate } : root,
  );
  const verdict = appraiseVtpmEvidence(parseVtpmEvidence(vectorBytes(file)), {
    roots,
    intermediates: ask === undefined ? [] : [ask],
    now: () => NOW,
    options: { nonce: toUtf8('challenge') },
  });
  expect(verdict.checks.filter((check) => !check.ok)).toEqual([]);
  expect(verdict.ok).toBe(true);
}

function paravisor(certificates: string): readonly string[] {
  return failures(parseHclReport(vectorBytes('az-snp-vtpm/hcl-report.bin')).snpReport, certificates);
}

function checkSelfMade(file: string): void {
  expect(failures(vectorBytes('milan-v2-a/report.bin'), milan(file))[0]).toBe('SNP_CHAIN_SIGNATURE_INVALID');
}

function checkDebug(): void {
  expect(failures(vectorBytes('negative/debug/report.bin'), milan('negative/debug/vcek.der'))).toEqual([
    'SNP_DEBUG_ALLOWED',
  ]);
}

const service = {
  roots: amdRoots,
  now: () => NOW,
  random: (length: number) => new Uint8Array(length),
  issuer: 'https://a.example',
  complianceTable: productionUvmTrust,
};

/** Everything in a token that does not depend on when and by whom it was issued. */
function lastingClaims(claims: object): object {
  const passing = ['exp', 'iat', 'nbf', 'jti', 'iss', 'x-ms-policy-hash'];
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !passing.includes(name)));
}

function realTokenClaims(): object {
  const [, payload = ''] = vectorText('maa/sev-snp-jwt.txt').split('.');
  return parseJsonObject(fromBase64Text(payload, 'base64url'), 'X');
}

function checkGoldenPair(): void {
  const body = JSON.stringify({ report: vectorText('maa/request-report-member.b64url') });
  const { claims } = appraiseSevSnpVm(parseAttestSevSnpVmRequest(body), service);
  expect(lastingClaims(claims)).toEqual(lastingClaims(realTokenClaims()));
}

function checkRuntimeDataSample(): void {
  const body = JSON.stringify({
    report: vectorText('maa/request-report-member.b64url'),
    runtimeData: { data: vectorText('maa/runtime-data-sample.b64url'), dataType: 'JSON' },
  });
  expect(codeOf(() => appraiseSevSnpVm(parseAttestSevSnpVmRequest(body), service))).toBe('MAA_RUNTIME_DATA_MISMATCH');
}

function checkKeySet(): void {
  const json = vectorText('maa/certs-response.json');
  const { keys } = JSON.parse(json) as { keys: readonly { kid: string }[] };
  const set = parseAttestationJwks(json);
  const problems = keys
    .map(({ kid }) => set.find(kid)[0])
    .map((entry) => {
      const bits = entry?.key?.publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
      if (entry?.key === undefined || bits >= 2048) return 'fine';
      const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: entry.key.kid })).toString('base64url');
      const claims = Buffer.from('{"iss":"https://a.example"}').toString('base64url');
      const token = `${header}.${claims}.AAAA`;
      return codeOf(() =>
        verifyAttestationToken(token, { keys: set, issuers: ['https://a.example'], now: () => NOW, expect: {} }),
      );
    });
  expect(new Set(problems)).toEqual(new Set(['fine', 'ATTESTATION_TOKEN_KEY']));
}

function checkRealToken(): void {
  const verify = (now: number) =>
    codeOf(() =>
      verifyAttestationToken(vectorText('maa/sev-snp-jwt.txt'), {
        keys: parseAttestationJwks(vectorText('maa/certs-response.json')),
        issuers: ['https://sharedweu.weu.test.attest.azure.net'],
        now: () => now,
        expect: {},
      }),
    );
  // Its key was never published, so there is nothing to judge its times by.
  expect(verify(NOW)).toBe('ATTESTATION_TOKEN_KID_UNKNOWN');
  expect(Object.keys(realTokenClaims())).toHaveLength(25);
}

/** Claim sets without signatures: their shape is what verifiers and issuers here speak. */
function checkClaims(file: string, path: readonly string[], status: string): void {
  let claims = parseJsonObject(vectorText(file), 'X');
  for (const name of path) claims = parseJsonObject(JSON.stringify(claims[name]), 'X');
  expect(claims['x-ms-attestation-type']).toBe('sevsnpvm');
  expect(claims['x-ms-compliance-status']).toBe(status);
  expect(claims['x-ms-sevsnpvm-is-debuggable']).toBe(false);
}

interface DidVector {
  readonly input: { readonly did: string; readonly chain: readonly string[] };
  readonly output: { readonly error?: string };
}

function checkDidVectors(): void {
  const vectors = JSON.parse(vectorText('did-x509/test-vectors.json')) as readonly DidVector[];
  expect(vectors).toHaveLength(58);
  for (const { input, output } of vectors) {
    const code = codeOf(() => {
      const chain = input.chain.flatMap((der) => parseCertificates(fromBase64Text(der, 'base64url')));
      resolveDidX509(input.did, chain, undefined);
    });
    expect([input.did, code === 'nothing']).toEqual([input.did, output.error === undefined]);
  }
}

function checkTransparent(): void {
  const cose = vectorBytes('cose/esrp_transparent_hash_envelop.cose');
  const ledgers = parseLedgerKeys(vectorText('cose/esrp_db_ledger_pub_keys.json'), LEDGER);
  const { receipts, svn } = verifyUvmEndorsement(cose, {
    trustedIssuers: productionUvmTrust,
    // The leaf has expired by now: the signing time decides.
    now: () => NOW,
    transparency: { ledgers, required: true },
  });
  expect([svn, receipts.length]).toEqual([104, 1]);
}

function checkGenoa(): void {
  const { outblob, auxblob } = JSON.parse(vectorText('genoa-v3-tsm/report.json')) as {
    outblob: string;
    auxblob: string;
  };
  const certificates = parseSnpCertificateTable(fromBase64Text(auxblob, 'base64url'), 'vcek');
  expect(failures(fromBase64Text(outblob, 'base64url'), certificates)).toEqual([]);
}

/** The expected verdict of every file of the set, by its name in the index. */
const VERDICTS: Readonly<Record<string, () => void>> = {
  'roots/milan_ask_ark_vcek.pem': () => {
    expect(anchorOf('roots/milan_ask_ark_vcek.pem')).toBe('Milan');
  },
  'roots/milan_asvk_ark_vlek.pem': () => {
    expect(anchorOf('roots/milan_asvk_ark_vlek.pem')).toBe('Milan');
  },
  'roots/genoa_ask_ark_vcek.pem': () => {
    expect(anchorOf('roots/genoa_ask_ark_vcek.pem')).toBe('Genoa');
  },
  'roots/genoa_asvk_ark_vlek.pem': () => {
    expect(anchorOf('roots/genoa_asvk_ark_vlek.pem')).toBe('Genoa');
  },
  'roots/turin_ask_ark_vcek.pem': () => {
    expect(anchorOf('roots/turin_ask_ark_vcek.pem')).toBe('Turin');
  },
  'roots/turin_asvk_ark_vlek.pem': () => {
    expect(anchorOf('roots/turin_asvk_ark_vlek.pem')).toBe('Turin');
  },
  'caci-svn22/snp_report.bin': checkContainerGroup,
  'caci-svn22/uvm_host_amd_certificate.json': checkContainerGroup,
  'caci-svn22/uvm_security_policy.base64': checkContainerGroup,
  'caci-svn22/body.uvm_reference_info.bin': checkContainerGroup,
  'security-context/host-amd-cert-base64': checkSecurityContext,
  'security-context/reference-info-base64': checkSecurityContext,
  'security-context/security-policy-base64': checkSecurityContext,
  'negative/fake_report_v1.hex': () => {
    const report = fromBase64Text(vectorText('negative/fake_report_v1.hex'), 'hex');
    expect(failures(report, milan('milan-v2-a/vcek.der'))).toEqual(['SNP_VERSION_UNSUPPORTED']);
  },
  'milan-v2-a/report.bin': () => {
    expect(failures(vectorBytes('milan-v2-a/report.bin'), milan('milan-v2-a/vcek.der'))).toEqual([]);
  },
  'milan-v2-a/vcek.der': () => {
    expect(failures(vectorBytes('milan-v2-a/report.bin'), milan('milan-v2-a/vcek.der'))).toEqual([]);
  },
  'negative/vcek-selfmade-legacy.der': () => {
    checkSelfMade('negative/vcek-selfmade-legacy.der');
  },
  'negative/vcek-selfmade-new.der': () => {
    checkSelfMade('negative/vcek-selfmade-new.der');
  },
  'milan-v3-vlek/report.bin': checkVlek,
  'milan-v3-vlek/vlek.der': checkVlek,
  'negative/debug/report.bin': checkDebug,
  'negative/debug/vcek.der': checkDebug,
  'milan-v2-b/report.hex': () => {
    const report = fromBase64Text(vectorText('milan-v2-b/report.hex'), 'hex');
    expect(failures(report, milan('milan-v2-b/vcek.der'))).toEqual([]);
  },
  'milan-v2-b/vcek.der': () => {
    expect(failures(vectorBytes('milan-v2-a/report.bin'), milan('milan-v2-b/vcek.der'))[0]).toBe(
      'SNP_CHIP_ID_MISMATCH',
    );
  },
  'azure-cvm-igvm/attestation.bin': checkConfidentialVm,
  'azure-cvm-igvm/runtimedata.bin': checkConfidentialVm,
  'azure-cvm-igvm/vcek.pem': checkConfidentialVm,
  'azure-cvm-igvm/certchain.pem': checkConfidentialVm,
  'negative/vlek-expired.pem': () => {
    const bundle = `${vectorText('negative/vlek-expired.pem')}\n${vectorText('roots/milan_asvk_ark_vlek.pem')}`;
    const allowed = { allowedVmpls: [1], allowedCspIds: ['CN=cc-us-east-2.amazonaws.com'] };
    const failed = failures(vectorBytes('milan-v3-vlek/report.bin'), bundle, allowed);
    expect(failed[0]).toBe('SNP_EXPIRED');
    expect(failed).toContain('SNP_SIGNATURE_INVALID');
  },
  'genoa-v3-tsm/report.json': checkGenoa,
  'az-snp-vtpm/evidence-v0.json': () => {
    checkVtpm('az-snp-vtpm/evidence-v0.json');
  },
  'az-snp-vtpm/evidence-v1.json': () => {
    checkVtpm('az-snp-vtpm/evidence-v1.json');
  },
  'az-snp-vtpm/hcl-report.bin': () => {
    expect(paravisor(vectorText('az-snp-vtpm/vcek.pem'))).toEqual([]);
  },
  'az-snp-vtpm/vcek.pem': () => {
    expect(paravisor(vectorText('az-snp-vtpm/vcek.pem'))).toEqual([]);
  },
  'az-snp-vtpm/vcek-genoa.pem': () => {
    const bundle = `${vectorText('az-snp-vtpm/vcek-genoa.pem')}\n${vectorText('roots/genoa_ask_ark_vcek.pem')}`;
    expect(paravisor(bundle)[0]).toBe('SNP_CHIP_ID_MISMATCH');
  },
  'cose/esrp.test.cose': () => {
    expect(endorsed(vectorBytes('cose/esrp.test.cose'))).toBe('UVM_ALGORITHM_REFUSED');
    const lenient = productionUvmTrust.map((entry) => ({ ...entry, algorithms: ['ES384'] as const }));
    expect(endorsed(vectorBytes('cose/esrp.test.cose'), lenient)).toBe('UVM_ISSUER_UNTRUSTED');
  },
  'cose/esrp_transparent_hash_envelop.cose': checkTransparent,
  'cose/esrp_cp_ledger_pub_keys.json': () => {
    expect(parseLedgerKeys(vectorText('cose/esrp_cp_ledger_pub_keys.json'), LEDGER)[0]?.keys.size).toBe(1);
  },
  'cose/esrp_db_ledger_pub_keys.json': () => {
    expect(parseLedgerKeys(vectorText('cose/esrp_db_ledger_pub_keys.json'), LEDGER)[0]?.keys.size).toBe(2);
  },
  'did-x509/test-vectors.json': checkDidVectors,
  'maa/request-report-member.b64url': checkGoldenPair,
  'maa/runtime-data-sample.b64url': checkRuntimeDataSample,
  'maa/sev-snp-jwt.txt': checkRealToken,
  'maa/certs-response.json': checkKeySet,
  'maa/caci-claims.json': () => {
    checkClaims('maa/caci-claims.json', [], 'azure-compliant-uvm');
  },
  'maa/cvm-claims.json': () => {
    checkClaims('maa/cvm-claims.json', ['x-ms-isolation-tee'], 'azure-compliant-cvm');
  },
};

describe.skipIf(!haveVectors)('every entry of the evidence vectors', () => {
  const index = haveVectors
    ? (JSON.parse(vectorText('index.json')) as { count: number; vectors: { file: string; sha256: string }[] })
    : { count: 0, vectors: [] };

  it('has a verdict here, and no verdict is left over', () => {
    expect(index.vectors.map(({ file }) => file).toSorted()).toEqual(Object.keys(VERDICTS).toSorted());
    expect(index.vectors).toHaveLength(index.count);
  });

  it.each(index.vectors)('$file is the file that the index describes', ({ file, sha256 }) => {
    expect(createHash('sha256').update(vectorBytes(file)).digest('hex')).toBe(sha256);
  });

  it.each(index.vectors)('$file gets its expected verdict', ({ file }) => {
    expect.hasAssertions();
    VERDICTS[file]?.();
  });
});
