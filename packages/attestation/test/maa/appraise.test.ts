import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

import { beforeAll, describe, expect, it } from 'vitest';

import {
  amdRoots,
  appraiseSevSnpVm,
  formatAttestSevSnpVmRequest,
  generateSimulatedPlatformKeys,
  maaErrorResponse,
  parseAttestSevSnpVmRequest,
  productionUvmTrust,
  thimCertificateBundle,
} from '../../src/index.ts';
import type { AppraiseSevSnpVmOptions, AttestSevSnpVmRequest, SimulatedPlatform } from '../../src/index.ts';
import { codeOf, makePlatform, NOW } from '../support/chain.ts';
import { fromBase64Text, haveVectors, vectorBytes, vectorText } from '../support/vectors.ts';

const runtime = Buffer.from('{"location":"East US", "publicKey":"abc\\u003d","big":18446744073709551615}');
const policy = Buffer.from('package policy');
const hostData = createHash('sha256').update(policy).digest();

let platform: SimulatedPlatform;
let options: AppraiseSevSnpVmOptions;

beforeAll(async () => {
  platform = makePlatform(await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }));
  options = {
    roots: [platform.trustedRoot],
    now: () => NOW,
    random: (length) => new Uint8Array(length).fill(0xab),
    issuer: 'https://sharedeus.eus.attest.azure.net',
    complianceTable: [platform.uvmTrust],
  };
});

function bind(data: Uint8Array): Uint8Array {
  return Buffer.concat([createHash('sha256').update(data).digest(), Buffer.alloc(32)]);
}

function request(changes: Partial<AttestSevSnpVmRequest> = {}, debug = false): AttestSevSnpVmRequest {
  const parsed = parseAttestSevSnpVmRequest(
    formatAttestSevSnpVmRequest({
      snpReport: platform.attester.report({ reportData: bind(runtime), hostData, debug }),
      vcekCertChain: thimCertificateBundle(platform.thimCertificates()),
      uvmEndorsements: [platform.uvmEndorsement()],
      runtimeData: { data: runtime, dataType: 'JSON' },
      nonce: '7',
    }),
  );
  return { ...parsed, ...changes };
}

function codeOfAppraisal(
  changes: Partial<AttestSevSnpVmRequest>,
  other: Partial<AppraiseSevSnpVmOptions> = {},
): string {
  return codeOf(() => appraiseSevSnpVm(request(changes), { ...options, ...other }));
}

describe('appraiseSevSnpVm', () => {
  it('yields the claims of a compliant utility VM', () => {
    const { claims } = appraiseSevSnpVm(request(), options);
    expect(claims).toMatchObject({
      iss: options.issuer,
      iat: NOW / 1000,
      nbf: NOW / 1000,
      exp: NOW / 1000 + 28_800,
      jti: 'ab'.repeat(32),
      nonce: '7',
      'x-ms-ver': '1.0',
      'x-ms-attestation-type': 'sevsnpvm',
      'x-ms-compliance-status': 'azure-compliant-uvm',
      'x-ms-runtime': { location: 'East US', publicKey: 'abc=', big: 18446744073709551615n },
      'x-ms-sevsnpvm-hostdata': hostData.toString('hex'),
      'x-ms-sevsnpvm-is-debuggable': false,
      'x-ms-sevsnpvm-microcode-svn': 219,
      'x-ms-sevsnpvm-uvm-endorsement': { 'x-ms-sevsnpvm-guestsvn': '104' },
      'x-ms-sevsnpvm-uvm-endorsement-headers': { feed: 'ContainerPlat-AMD-UVM', iss: platform.uvmTrust.issuer },
      'x-ms-test-root': true,
    });
    expect(Object.keys(claims)).toEqual(Object.keys(claims).toSorted());
  });

  it('reports a debug guest and never gives it a compliance status', () => {
    const { claims } = appraiseSevSnpVm(request({}, true), options);
    expect(claims['x-ms-sevsnpvm-is-debuggable']).toBe(true);
    expect(claims).not.toHaveProperty('x-ms-compliance-status');
    expect(codeOf(() => appraiseSevSnpVm(request({}, true), { ...options, allowDebug: false }))).toBe(
      'MAA_EVIDENCE_REFUSED',
    );
  });

  it('gives no status without an endorsement', () => {
    const { claims } = appraiseSevSnpVm(request({ uvmEndorsements: [] }), options);
    expect(claims).not.toHaveProperty('x-ms-compliance-status');
    expect(claims).not.toHaveProperty('x-ms-sevsnpvm-uvm-endorsement');
  });

  it('refuses evidence under a root it was not told to trust', () => {
    expect(codeOfAppraisal({}, { roots: amdRoots })).toBe('MAA_EVIDENCE_REFUSED');
    expect(codeOfAppraisal({ snpReport: new Uint8Array(1184) })).toBe('MAA_EVIDENCE_REFUSED');
    expect(codeOfAppraisal({ vcekCertChain: 'x' })).toBe('MAA_EVIDENCE_REFUSED');
  });

  it('refuses runtime data the report does not bind, also when only the second half of report data is set', () => {
    expect(codeOfAppraisal({ runtimeData: { data: Buffer.from('{}'), dataType: 'JSON' } })).toBe(
      'MAA_RUNTIME_DATA_MISMATCH',
    );
    const reportData = bind(runtime);
    reportData[63] = 1;
    expect(codeOfAppraisal({ snpReport: platform.attester.report({ reportData, hostData }) })).toBe(
      'MAA_RUNTIME_DATA_MISMATCH',
    );
  });

  it('refuses JSON runtime data that is no object, and makes no claim of binary data', () => {
    const data = Buffer.from('[1]');
    const snpReport = platform.attester.report({ reportData: bind(data), hostData });
    expect(codeOfAppraisal({ snpReport, runtimeData: { data, dataType: 'JSON' } })).toBe('MAA_REQUEST_INVALID');
    const { claims } = appraiseSevSnpVm(request({ snpReport, runtimeData: { data, dataType: 'Binary' } }), options);
    expect(claims).not.toHaveProperty('x-ms-runtime');
  });

  it('binds init-time data to host data', () => {
    expect(codeOfAppraisal({ initTimeData: { data: policy, dataType: 'Binary' } })).toBe('nothing');
    expect(codeOfAppraisal({ initTimeData: { data: runtime, dataType: 'Binary' } })).toBe(
      'MAA_INIT_TIME_DATA_MISMATCH',
    );
  });

  it('refuses an endorsement that does not hold instead of dropping it', () => {
    const other = platform.uvmEndorsement({ measurement: new Uint8Array(48) });
    expect(codeOfAppraisal({ uvmEndorsements: [other] })).toBe('MAA_ENDORSEMENT_REFUSED');
    expect(codeOfAppraisal({ uvmEndorsements: [new Uint8Array(5)] })).toBe('MAA_ENDORSEMENT_REFUSED');
    expect(codeOfAppraisal({}, { complianceTable: [] })).toBe('MAA_ENDORSEMENT_REFUSED');
  });

  it('applies the policy and answers a denial as the service does', () => {
    const text =
      'version=1.0; authorizationrules { [type=="x-ms-compliance-status", value=="other"] => permit(); }; issuancerules { };';
    expect(codeOfAppraisal({}, { policy: text })).toBe('MAA_POLICY_DENIED');
    expect(codeOfAppraisal({ draftPolicy: 'version=2.0;' })).toBe('MAA_POLICY_INVALID');
    let answer: unknown;
    try {
      appraiseSevSnpVm(request(), { ...options, policy: text });
    } catch (error) {
      answer = maaErrorResponse(error);
    }
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'PolicyEvaluationError' } } });
  });
});

describe.skipIf(!haveVectors)('appraiseSevSnpVm on real requests', () => {
  const real = { now: () => Date.UTC(2026, 5, 1), roots: amdRoots, complianceTable: productionUvmTrust };

  it('makes the claims of the real service from its own sample', () => {
    const body = JSON.stringify({ report: vectorText('maa/request-report-member.b64url') });
    const { claims } = appraiseSevSnpVm(parseAttestSevSnpVmRequest(body), { ...options, ...real });
    const [, payload = ''] = vectorText('maa/sev-snp-jwt.txt').split('.');
    const token = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    expect(Object.keys(claims)).toEqual(Object.keys(token));
    const own = ['exp', 'iat', 'iss', 'jti', 'nbf', 'x-ms-policy-hash'];
    const shared = (from: Readonly<Record<string, unknown>>): unknown =>
      Object.entries(from).filter(([name]) => !own.includes(name));
    expect(shared(claims)).toEqual(shared(token));
  });

  it('refuses runtime data that the real report does not bind', () => {
    const body = JSON.stringify({
      report: vectorText('maa/request-report-member.b64url'),
      runtimeData: { data: vectorText('maa/runtime-data-sample.b64url'), dataType: 'JSON' },
    });
    expect(codeOf(() => appraiseSevSnpVm(parseAttestSevSnpVmRequest(body), { ...options, ...real }))).toBe(
      'MAA_RUNTIME_DATA_MISMATCH',
    );
  });

  it('gives a real container group its status once its old version is allowed', () => {
    const thim = JSON.parse(vectorText('caci-svn22/uvm_host_amd_certificate.json')) as {
      vcekCert: string;
      certificateChain: string;
    };
    const body = formatAttestSevSnpVmRequest({
      snpReport: vectorBytes('caci-svn22/snp_report.bin'),
      vcekCertChain: thim.vcekCert + thim.certificateChain,
      uvmEndorsements: [vectorBytes('caci-svn22/body.uvm_reference_info.bin')],
      runtimeData: { data: fromBase64Text('ewogICAiYWtleSIgOiAiYXZhbHVlIgp9Cg=='), dataType: 'JSON' },
    });
    const complianceTable = productionUvmTrust.map((entry) => ({ ...entry, minimumSvn: 22 }));
    const { claims } = appraiseSevSnpVm(parseAttestSevSnpVmRequest(body), { ...options, ...real, complianceTable });
    expect(claims).toMatchObject({
      'x-ms-compliance-status': 'azure-compliant-uvm',
      'x-ms-runtime': { akey: 'avalue' },
    });
    expect(claims).not.toHaveProperty('x-ms-test-root');
  });
});
