import { createHash } from 'node:crypto';

import {
  appraiseSnpCertificates,
  appraiseSnpEvidence,
  appraiseVtpmEvidence,
  member,
  parseAttestationJwks,
  parseHclReport,
  parseJsonObject,
  parseLedgerKeys,
  productionUvmTrust,
  readUvmEndorsement,
  snpValidityProblems,
  thimCertificateBundle,
  parseCertificates,
  thimTcb,
  verifyAttestationToken,
  verifyUvmEndorsement,
} from '@holdfast/attestation';
import type {
  AppraisalCheck,
  Certificate,
  LedgerKeys,
  SnpEvidence,
  SnpEvidenceOptions,
  SnpReport,
} from '@holdfast/attestation';
import { equalSecretBytes, fromBase64Url, PlatformError, toHex } from '@holdfast/base';

import type { EvidenceParts } from './evidence-parts.ts';
import { Expectations, nonceBytes, padded } from './expectations.ts';
import type { ExpectedValues } from './expectations.ts';
import { withIssuers } from './trust.ts';
import type { Trust } from './trust.ts';

/** One check of one part of the evidence. */
export interface JudgedCheck extends AppraisalCheck {
  /** The part: report, certificates, endorsement, vtpm, token. */
  readonly part: string;
}

export interface NotChecked {
  readonly what: string;
  readonly why: string;
}

/** The verdict on evidence: everything that was checked, in order, and what was not. */
export interface Judgement {
  readonly ok: boolean;
  readonly checks: readonly JudgedCheck[];
  /** The first check that failed. */
  readonly failed: JudgedCheck | undefined;
  readonly notChecked: readonly NotChecked[];
  /** True when the evidence stands under a root that only --root made trusted. */
  readonly simulated: boolean;
}

/** Judges parts that belong together. `now` is the moment of judgement, ms since the epoch. */
export function judge(parts: EvidenceParts, trust: Trust, now: number, expected: ExpectedValues = {}): Judgement {
  const judging = new Judging(parts, trust, now, expected);
  const report = judging.hardwareReport();
  if (parts.endorsements.length > 0) judging.endorsements(report);
  if (parts.token !== undefined) judging.token(parts.token);
  judging.unusedExpectations();
  return judging.judgement();
}

/** The claims of a token that expectations are about, by the name of the expectation. */
const CLAIMS: readonly (readonly [string, string])[] = [
  ['hostData', 'host data'],
  ['launchMeasurements', 'measurement'],
  ['runtimeData', 'report data'],
  ['nonce', 'nonce'],
  ['minimumSvn', 'TCB'],
  ['policyHash', 'policy hash'],
];

class Judging {
  readonly #parts: EvidenceParts;
  readonly #trust: Trust;
  readonly #now: number;
  readonly #expected: Expectations;
  readonly #checks: JudgedCheck[] = [];
  readonly #notChecked: NotChecked[] = [];
  #simulated = false;

  constructor(parts: EvidenceParts, trust: Trust, now: number, expected: ExpectedValues) {
    this.#parts = parts;
    this.#trust = trust;
    this.#now = now;
    this.#expected = new Expectations(expected);
  }

  judgement(): Judgement {
    const failed = this.#checks.find((check) => !check.ok);
    return {
      ok: failed === undefined && this.#checks.length > 0,
      checks: this.#checks,
      failed,
      notChecked: this.#notChecked,
      simulated: this.#simulated,
    };
  }

  /** Judges whichever form the hardware's own evidence has, and answers its report. */
  hardwareReport(): SnpReport | undefined {
    const { report, paravisorReport, vtpm, certificates, thim } = this.#parts;
    if (vtpm !== undefined) return this.#vtpmEvidence(vtpm);
    if (paravisorReport !== undefined) return this.#paravisorReport(paravisorReport);
    if (report !== undefined) return this.#report(report);
    if (certificates.length > 0 || thim !== undefined) this.#certificatesAlone();
    return undefined;
  }

  endorsements(report: SnpReport | undefined): void {
    for (const cose of this.#parts.endorsements) this.#endorsement(cose, report);
    if (report === undefined)
      this.#skip(
        'measurement',
        'there is no report beside the endorsement, so no guest is shown to run what it endorses',
      );
  }

  token(token: string): void {
    const { keySet } = this.#parts;
    if (keySet === undefined) {
      this.#add('token', {
        name: 'signature',
        ok: false,
        code: 'ATTESTATION_TOKEN_KID_UNKNOWN',
        reason: "there is no key set to check the signature with: give the issuer's as another file, or use --fetch",
      });
      return;
    }
    const expectedIssuer = this.#expected.take('issuer');
    const reportData = this.#expected.take('reportData');
    const expect = this.#expected.ofToken();
    this.#attempt('token', 'token', () => {
      const claims = parseJsonObject(fromBase64Url(token.split('.')[1] ?? ''), 'ATTESTATION_TOKEN_MALFORMED');
      const issuer = member(claims, 'iss');
      const isGuest = member(claims, 'x-ms-attestation-type') === 'sevsnpvm';
      const verified = verifyAttestationToken(token, {
        keys: parseAttestationJwks(keySet),
        issuers: expectedIssuer === undefined && typeof issuer === 'string' ? [issuer] : [expectedIssuer ?? ''],
        now: () => this.#now,
        expect: { ...expect, attestationType: null, allowDebug: !isGuest, allowTestRoot: this.#trust.extended },
      });
      this.#simulated ||= verified.sevSnpVm.testRoot;
      if (reportData !== undefined) this.#tokenReportData(verified.sevSnpVm.reportData, reportData);
    });
    if (expectedIssuer === undefined)
      this.#skip('issuer', 'the token was judged under the keys of the issuer it names; compare that name with yours');
    const compared = new Set([...Object.keys(expect), ...(reportData === undefined ? [] : ['runtimeData'])]);
    const left = CLAIMS.filter(([name]) => !compared.has(name)).map(([, words]) => words);
    this.#skip('claims', `${left.join(', ')} were compared with nothing`);
  }

  /** An expectation that was compared with nothing does not hold. */
  unusedExpectations(): void {
    for (const flag of this.#expected.unused) {
      this.#add('expectation', {
        name: flag,
        ok: false,
        code: 'EVIDENCE_EXPECTATION_UNCHECKED',
        reason: `nothing in this evidence can be compared with the value of ${flag}`,
      });
    }
  }

  #tokenReportData(claim: string | undefined, expected: Uint8Array): void {
    const holds = claim === toHex(expected);
    this.#expect('token', 'report-data', holds, 'ATTESTATION_TOKEN_BINDING', 'the token carries other report data');
  }

  #report(bytes: Uint8Array): SnpReport | undefined {
    const { policy, runtimeData, thim } = this.#parts;
    const reportData = this.#expected.reportData(runtimeData);
    const expected = this.#expected.ofReport(policy);
    const verdict = appraiseSnpEvidence({
      ...this.#underTrust(this.#trust),
      report: bytes,
      certificates: this.#bundle(),
      options: {
        ...(reportData === undefined ? { noFreshness: true } : { reportData }),
        ...expected,
        ...(thim === undefined ? {} : { thimTcb: thimTcb(thim) }),
      },
    });
    this.#addAll('report', verdict.checks);
    this.#simulated ||= verdict.simulated;
    if (reportData === undefined)
      this.#skip('report data', 'nothing was given to compare it with, so the report is not shown to be fresh');
    this.#skipUsual(verdict.revocationChecked, expected);
    return verdict.report;
  }

  /** The report of a confidential VM by itself: its report data bind the runtime data beside it. */
  #paravisorReport(bytes: Uint8Array): SnpReport | undefined {
    const hcl = this.#attempt('report', 'paravisor-report', () => parseHclReport(bytes));
    if (hcl === undefined) return undefined;
    const expected = this.#expected.ofReport(this.#parts.policy);
    const reportData = padded(createHash(hcl.hash).update(hcl.runtimeData).digest());
    const verdict = appraiseSnpEvidence({
      ...this.#underTrust(this.#trust),
      report: hcl.snpReport,
      certificates: this.#bundle(),
      options: { ...expected, reportData },
    });
    this.#addAll('report', verdict.checks);
    this.#simulated ||= verdict.simulated;
    this.#skip('quote', 'there is no TPM quote, so the report is not shown to be fresh');
    this.#skipUsual(verdict.revocationChecked, expected);
    return verdict.report;
  }

  #vtpmEvidence(evidence: NonNullable<EvidenceParts['vtpm']>): SnpReport | undefined {
    // The evidence brings its VCEK; certificates given beside it can only be those above.
    const trust = withIssuers(this.#trust, this.#parts.certificates);
    // HOST_DATA of such machines is zero, so a policy beside the evidence says nothing about them.
    const expected = this.#expected.ofReport(undefined);
    const nonce = this.#expected.take('nonce');
    const verdict = appraiseVtpmEvidence(evidence, {
      ...this.#underTrust(trust),
      options: { snp: expected, ...(nonce === undefined ? { noFreshness: true } : { nonce: nonceBytes(nonce) }) },
    });
    this.#addAll('vtpm', verdict.checks);
    this.#simulated ||= verdict.snp?.simulated ?? false;
    if (nonce === undefined)
      this.#skip('nonce', 'nothing was given to compare it with, so the quote is not shown to be fresh');
    this.#skip('registers', 'the PCR values are those that were quoted, and were compared with nothing else');
    this.#skipUsual(verdict.snp?.revocationChecked ?? false, expected);
    return verdict.snp?.report;
  }

  #certificatesAlone(): void {
    const { chain, ...appraisal } = appraiseSnpCertificates(this.#bundle(), {
      roots: this.#trust.roots,
      intermediates: this.#trust.intermediates,
    });
    const add = (name: string, problems: readonly { readonly code: string; readonly reason: string }[]): void => {
      if (problems.length === 0) this.#add('certificates', { name, ok: true });
      for (const { code, reason } of problems) this.#add('certificates', { name, ok: false, code, reason });
    };
    add('certificates', appraisal.located);
    if (chain !== undefined) {
      add('chain-names', appraisal.names);
      add('chain-signatures', appraisal.signatures);
      add('chain-validity', snpValidityProblems(chain, this.#now));
      add('certificate-extensions', appraisal.extensionProblems);
      this.#simulated ||= chain.pin.simulated;
    }
    this.#skip('report', 'there is no report of this chip, so chip, TCB and guest are unknown');
    if (this.#parts.policy !== undefined) this.#skip('host data', 'there is no report to compare the policy with');
  }

  #endorsement(cose: Uint8Array, report: SnpReport | undefined): void {
    const ledgers = this.#attempt('endorsement', 'ledger-keys', () => this.#ledgers(cose));
    const endorsement = this.#attempt('endorsement', 'endorsement', () =>
      verifyUvmEndorsement(cose, {
        trustedIssuers: this.#trust.endorsers,
        now: () => this.#now,
        ...(ledgers === undefined ? {} : { transparency: { ledgers, required: false } }),
      }),
    );
    if (endorsement === undefined) return;
    if (ledgers === undefined || ledgers.length === 0) {
      this.#skip('transparency receipts', 'no keys of a ledger were given');
    } else {
      const [problem = 'the endorsement has no transparency receipt'] = endorsement.receiptProblems;
      const holds = endorsement.receipts.length > 0;
      this.#expect('endorsement', 'receipts', holds, 'UVM_RECEIPT_INVALID', problem);
    }
    const measurement = report?.measurement ?? this.#expected.take('measurement');
    if (measurement !== undefined) {
      this.#expect(
        'endorsement',
        'measurement',
        equalSecretBytes(endorsement.measurement, measurement),
        'UVM_MEASUREMENT_MISMATCH',
        `the endorsement is for another launch measurement than ${report === undefined ? 'expected' : 'the report shows'}`,
      );
    }
    // Whoever is not among the built-in endorsers was named with --root.
    this.#simulated ||= !productionUvmTrust.includes(endorsement.trust);
  }

  /** A key set beside an endorsement holds the keys of the ledgers whose receipts it carries. */
  #ledgers(cose: Uint8Array): readonly LedgerKeys[] {
    const { keySet, token } = this.#parts;
    if (keySet === undefined || token !== undefined) return [];
    const claimed = readUvmEndorsement(cose).receiptLedgers;
    return [...new Set(claimed)].flatMap((ledger) => parseLedgerKeys(keySet, ledger));
  }

  /** All certificates at hand, leaf first. */
  #bundle(): readonly Certificate[] {
    const { certificates, thim } = this.#parts;
    const ofHost = thim === undefined ? [] : parseCertificates(thimCertificateBundle(thim));
    const known = new Set<string>();
    return [...certificates, ...ofHost].filter(({ der }) => {
      const key = der.toString();
      return !known.has(key) && known.add(key);
    });
  }

  #underTrust(trust: Trust): Pick<SnpEvidence, 'roots' | 'intermediates' | 'revocation' | 'now'> {
    const { revocationLists: lists } = this.#parts;
    return {
      roots: trust.roots,
      intermediates: trust.intermediates,
      ...(lists.length === 0 ? {} : { revocation: { mode: 'hard', lists } }),
      now: () => this.#now,
    };
  }

  #skipUsual(revocationChecked: boolean, expected: SnpEvidenceOptions): void {
    if (expected.hostData === undefined) this.#skip('host data', 'no security policy was given to compare it with');
    if (this.#parts.endorsements.length === 0 && expected.measurement === undefined)
      this.#skip('measurement', 'no endorsement or reference value was given');
    if (!revocationChecked && this.#parts.revocationLists.length === 0)
      this.#skip('revocation', 'no revocation list was given; --fetch brings the current one');
    if (expected.minimumTcb === undefined)
      this.#skip('minimum TCB', 'none was given: any TCB that AMD certified is accepted');
  }

  #attempt<T>(part: string, name: string, run: () => T): T | undefined {
    try {
      const result = run();
      if (name !== 'ledger-keys') this.#add(part, { name, ok: true });
      return result;
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      this.#add(part, { name, ok: false, code: error.code, reason: error.message });
      return undefined;
    }
  }

  #expect(part: string, name: string, ok: boolean, code: string, reason: string): void {
    this.#add(part, ok ? { name, ok } : { name, ok, code, reason });
  }

  #add(part: string, check: AppraisalCheck): void {
    this.#checks.push({ part, ...check });
  }

  #addAll(part: string, checks: readonly AppraisalCheck[]): void {
    for (const check of checks) this.#add(part, check);
  }

  #skip(what: string, why: string): void {
    this.#notChecked.push({ what, why });
  }
}
