import { equalBytes, equalSecretBytes, PlatformError, VerificationError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import { CheckList, throwFirstFailure } from '../appraisal/check-list.ts';
import type { AppraisalCheck } from '../appraisal/check-list.ts';
import type { Certificate } from '../x509/certificate.ts';
import { appraiseSnpCertificates } from './certificates.ts';
import type { SnpCertificateAppraisal, SnpCertificateBundle, SnpChainCache } from './certificates.ts';
import { snpValidityProblems } from './chain.ts';
import type { SnpChain } from './chain.ts';
import type { EndorsementExtensions, SnpKeyKind } from './endorsement-certificate.ts';
import { productFromCpuid } from './product.ts';
import type { SnpProduct } from './product.ts';
import { isZero, readSnpReport, snpLayoutProblems } from './report.ts';
import type { SnpReport } from './report.ts';
import { snpRevocationProblems } from './revocation.ts';
import type { SnpRevocation } from './revocation.ts';
import type { SnpTrustedRoot } from './roots.ts';
import { verifySnpReportSignature } from './signature.ts';
import { decodeTcb, tcbAtMost, tcbBytes } from './tcb.ts';
import type { SnpTcb } from './tcb.ts';

/** What a verifier expects of a report, beside its signature and chain. */
export interface SnpEvidenceOptions {
  /** Expected REPORT_DATA, 64 bytes. Give this or `noFreshness: true`. */
  readonly reportData?: Uint8Array;
  /** States that the caller does not check REPORT_DATA here (it does so elsewhere, or does not need freshness). */
  readonly noFreshness?: boolean;
  readonly hostData?: Uint8Array;
  readonly measurement?: Uint8Array;
  readonly idKeyDigest?: Uint8Array;
  readonly authorKeyDigest?: Uint8Array;
  readonly familyId?: Uint8Array;
  readonly imageId?: Uint8Array;
  readonly reportId?: Uint8Array;
  /** Default false. */
  readonly allowDebug?: boolean;
  readonly allowMigration?: boolean;
  readonly allowCxl?: boolean;
  /** Policy bits that must be set. */
  readonly requiredPolicyBits?: bigint;
  /** PLATFORM_INFO bits that must be set, or clear. */
  readonly requiredPlatformInfoSet?: bigint;
  readonly requiredPlatformInfoClear?: bigint;
  /** Default [0]. */
  readonly allowedVmpls?: readonly number[];
  readonly allowMaskedChipId?: boolean;
  /** CSP identifiers accepted for a VLEK; default none. */
  readonly allowedCspIds?: readonly string[];
  readonly minimumTcb?: SnpTcb;
  readonly minimumLaunchTcb?: SnpTcb;
  readonly requireCommittedEqualsCurrent?: boolean;
  /** THIM `tcbm` that came with the certificates; must equal REPORTED_TCB. */
  readonly thimTcb?: bigint;
}

export interface SnpEvidence {
  /** The report, 1184 bytes. */
  readonly report: Uint8Array;
  readonly certificates: SnpCertificateBundle;
  readonly roots: readonly SnpTrustedRoot[];
  /** ASK and ASVK certificates known to the verifier, for bundles that leave them out. */
  readonly intermediates?: readonly Certificate[];
  /** Revocation lists and how strictly to ask for them; default off. */
  readonly revocation?: SnpRevocation;
  /** Keeps verified chains between calls. Pass the same `roots` and `intermediates` arrays each time. */
  readonly chainCache?: SnpChainCache;
  readonly now: Clock;
  readonly options: SnpEvidenceOptions;
}

/** The outcome of appraising evidence. `ok` is true only when every check holds. */
export interface SnpVerdict {
  readonly ok: boolean;
  /** In order; the first that failed is the primary reason. */
  readonly checks: readonly AppraisalCheck[];
  readonly report: SnpReport | undefined;
  readonly product: SnpProduct | undefined;
  readonly keyKind: SnpKeyKind | undefined;
  /** Leaf, intermediate, root: as far as found. */
  readonly chain: readonly Certificate[];
  /** REPORTED_TCB by component. */
  readonly reportedTcb: SnpTcb | undefined;
  /** True when the chain ends at a root of the simulated platform. */
  readonly simulated: boolean;
  /** True when a current revocation list of the root was consulted. */
  readonly revocationChecked: boolean;
}

/** A verdict in which everything holds. */
export interface SnpVerifiedEvidence {
  readonly report: SnpReport;
  readonly product: SnpProduct;
  readonly keyKind: SnpKeyKind;
  readonly chain: readonly Certificate[];
  readonly reportedTcb: SnpTcb;
  readonly simulated: boolean;
}

/** Appraises evidence and says everything that holds and does not, without throwing for bad evidence. */
export function appraiseSnpEvidence(evidence: SnpEvidence): SnpVerdict {
  const checks = new CheckList();
  const { options } = evidence;

  // Length and version end at once: nothing else in the bytes can be trusted to mean what we would read.
  let report: SnpReport;
  try {
    report = readSnpReport(evidence.report);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    checks.fail('report-format', error.code, error.message);
    return verdictOf(checks, {});
  }
  checks.pass('report-format');
  const layout = snpLayoutProblems(report);
  checks.add(
    'reserved-fields',
    layout.filter((problem) => problem.code === 'SNP_RESERVED_NOT_ZERO'),
  );
  checks.add(
    'signature-algorithm',
    layout.filter((problem) => problem.code !== 'SNP_RESERVED_NOT_ZERO'),
  );
  const keyKind = report.signingKey === 'vcek' || report.signingKey === 'vlek' ? report.signingKey : undefined;
  checks.expect(
    'signing-key',
    keyKind !== undefined,
    'SNP_KEY_KIND_MISMATCH',
    `the report is signed by no chip key (${report.signingKey})`,
  );
  checks.expect(
    'chip-key',
    !report.chipKeyMasked && !(isZero(report.signatureR) && isZero(report.signatureS)),
    'SNP_KEY_MASKED',
    'the chip key is masked, so the report carries no signature',
  );

  const trust = { roots: evidence.roots, intermediates: evidence.intermediates };
  const appraisal =
    evidence.chainCache?.appraise(evidence.certificates, trust) ??
    appraiseSnpCertificates(evidence.certificates, trust);
  const { chain, extensions } = appraisal;
  checks.add('certificates', appraisal.located);
  if (chain !== undefined && keyKind !== undefined) checkKeyKind(chain, keyKind, checks);
  const product = checkProduct(report, chain, checks);
  const revocationChecked = chain !== undefined && checkChain(chain, appraisal, product, evidence, checks);
  if (extensions !== undefined && product !== undefined) checkMatch(report, extensions, product, options, checks);
  if (product !== undefined) checkTcbOrder(report, product, options, checks);
  if (chain !== undefined) {
    checks.expect(
      'report-signature',
      verifySnpReportSignature(report, chain.leaf.publicKey),
      'SNP_SIGNATURE_INVALID',
      'the report signature does not hold under the endorsed key',
    );
  }
  checkGuestPolicy(report, options, checks);
  if (product !== undefined) checkMinimumTcb(report, product, options, checks);
  checkReferenceValues(report, options, checks);

  return verdictOf(checks, {
    report,
    product,
    keyKind,
    chain,
    reportedTcb: product === undefined ? undefined : decodeTcb(report.reportedTcb, product),
    revocationChecked,
  });
}

/**
 * Verifies evidence or throws the primary reason; the codes of all failed checks are in `details.failed`.
 * @throws MalformedError, UnsupportedError, VerificationError, PolicyError with the SNP_ codes of this package
 */
export function verifySnpEvidence(evidence: SnpEvidence): SnpVerifiedEvidence {
  const verdict = appraiseSnpEvidence(evidence);
  const { report, product, keyKind, chain, reportedTcb, simulated } = verdict;
  throwFirstFailure(verdict.checks);
  if (
    !verdict.ok ||
    report === undefined ||
    product === undefined ||
    keyKind === undefined ||
    reportedTcb === undefined
  ) {
    // Fail closed: a verdict without a failed check but with a part missing would be a defect of ours.
    throw new VerificationError('SNP_CHAIN_INCOMPLETE', 'the evidence could not be appraised completely');
  }
  return { report, product, keyKind, chain, reportedTcb, simulated };
}

function verdictOf(
  checks: CheckList,
  found: {
    readonly report?: SnpReport;
    readonly product?: SnpProduct | undefined;
    readonly keyKind?: SnpKeyKind | undefined;
    readonly chain?: SnpChain | undefined;
    readonly reportedTcb?: SnpTcb | undefined;
    readonly revocationChecked?: boolean;
  },
): SnpVerdict {
  const { chain } = found;
  return {
    // A chain is a condition of its own: without one nothing was verified, whatever the checks say.
    ok: chain !== undefined && checks.allHold,
    checks: checks.outcomes,
    report: found.report,
    product: found.product,
    keyKind: found.keyKind,
    chain: chain === undefined ? [] : [chain.leaf, chain.intermediate, chain.root],
    reportedTcb: found.reportedTcb,
    simulated: chain?.pin.simulated ?? false,
    revocationChecked: found.revocationChecked ?? false,
  };
}

function checkKeyKind(chain: SnpChain, keyKind: SnpKeyKind, checks: CheckList): void {
  checks.expect(
    'key-kind',
    chain.leafKind === keyKind,
    'SNP_KEY_KIND_MISMATCH',
    `the report says it is signed by a ${keyKind.toUpperCase()}, the certificate is a ${chain.leafKind.toUpperCase()}`,
  );
}

/** The product line: from the processor (versions 3 and later) or from the pinned root (version 2). */
function checkProduct(report: SnpReport, chain: SnpChain | undefined, checks: CheckList): SnpProduct | undefined {
  if (report.cpuid !== undefined) {
    const product = productFromCpuid(report.cpuid);
    const { family, model } = report.cpuid;
    checks.expect(
      'product',
      product !== undefined,
      'SNP_PRODUCT_UNKNOWN',
      `processor family ${family}, model ${model} has no known root`,
    );
    return product;
  }
  const product = chain?.pin.product;
  if (product === undefined) return undefined;
  const tail = report.chipId.subarray(8);
  const fits = product === 'Turin' ? isZero(tail) : !isZero(tail) || isZero(report.chipId);
  checks.expect('product', fits, 'SNP_PRODUCT_UNKNOWN', `the chip identifier does not have the shape of ${product}`);
  return product;
}

/** The steps of the chain in order; answers whether a current revocation list was consulted. */
function checkChain(
  chain: SnpChain,
  appraisal: SnpCertificateAppraisal,
  product: SnpProduct | undefined,
  evidence: SnpEvidence,
  checks: CheckList,
): boolean {
  const now = evidence.now();
  checks.add('chain-names', appraisal.names);
  if (product !== undefined) {
    checks.expect(
      'chain-product',
      chain.pin.product === product,
      'SNP_PRODUCT_UNKNOWN',
      `the chain is for ${chain.pin.product}, the report comes from ${product}`,
    );
  }
  checks.add('chain-signatures', appraisal.signatures);
  checks.add('chain-validity', snpValidityProblems(chain, now));
  const revocation = snpRevocationProblems(chain, evidence.revocation ?? { mode: 'off', lists: [] }, now);
  if (revocation.checked || revocation.problems.length > 0) checks.add('chain-revocation', revocation.problems);
  checks.add('certificate-extensions', appraisal.extensionProblems);
  return revocation.checked;
}

/** That the certificate is for this chip at this TCB. The chip first: it is the useful answer when both differ. */
function checkMatch(
  report: SnpReport,
  extensions: EndorsementExtensions,
  product: SnpProduct,
  options: SnpEvidenceOptions,
  checks: CheckList,
): void {
  const { hardwareId, cspId } = extensions;
  if (hardwareId !== undefined) {
    const masked = isZero(report.chipId);
    const expected = product === 'Turin' ? report.chipId.subarray(0, 8) : report.chipId;
    const same = equalBytes(hardwareId, expected) && (product !== 'Turin' || isZero(report.chipId.subarray(8)));
    const ok = masked ? options.allowMaskedChipId === true : same;
    checks.expect(
      'chip-id',
      ok,
      'SNP_CHIP_ID_MISMATCH',
      masked ? 'the chip identifier is masked' : 'the certificate is for another chip',
    );
  }
  if (cspId !== undefined) {
    const allowed = options.allowedCspIds?.includes(cspId) ?? false;
    checks.expect(
      'csp-id',
      allowed,
      'SNP_CSP_REFUSED',
      `VLEK of "${cspId}", which is not on the list of allowed providers`,
    );
  }
  const sameTcb = equalBytes(extensions.tcbBytes, tcbBytes(report.reportedTcb));
  checks.expect(
    'certificate-tcb',
    sameTcb,
    'SNP_TCB_MISMATCH',
    'the certificate is for another TCB than the reported one',
  );
  if (options.thimTcb !== undefined) {
    const same = options.thimTcb === report.reportedTcb;
    checks.expect(
      'host-tcb',
      same,
      'SNP_TCB_MISMATCH',
      'the host certificates are for another TCB than the reported one',
    );
  }
}

function checkTcbOrder(report: SnpReport, product: SnpProduct, options: SnpEvidenceOptions, checks: CheckList): void {
  const current = decodeTcb(report.currentTcb, product);
  const above = (['reportedTcb', 'committedTcb', 'launchTcb'] as const).filter(
    (name) => !tcbAtMost(decodeTcb(report[name], product), current),
  );
  checks.expect('tcb-order', above.length === 0, 'SNP_TCB_ORDER', `above the current TCB: ${above.join(', ')}`);
  if (options.requireCommittedEqualsCurrent === true) {
    const stable = report.committedTcb === report.currentTcb;
    checks.expect('tcb-committed', stable, 'SNP_TCB_ORDER', 'the current firmware is not committed');
  }
}

function checkGuestPolicy(report: SnpReport, options: SnpEvidenceOptions, checks: CheckList): void {
  const { policy } = report;
  checks.expect(
    'debug',
    !policy.debugAllowed || options.allowDebug === true,
    'SNP_DEBUG_ALLOWED',
    'the guest may be debugged, so its memory is readable by the host',
  );
  checks.expect(
    'migration',
    !policy.migrationAllowed || options.allowMigration === true,
    'SNP_MIGRATION_ALLOWED',
    'the guest may be migrated by an agent',
  );
  checks.expect(
    'cxl',
    !policy.cxlAllowed || options.allowCxl === true,
    'SNP_POLICY_REFUSED',
    'the guest may use CXL memory',
  );
  const required = options.requiredPolicyBits ?? 0n;
  checks.expect(
    'policy-bits',
    (policy.value & required) === required,
    'SNP_POLICY_REFUSED',
    'a required guest policy bit is clear',
  );
  const set = options.requiredPlatformInfoSet ?? 0n;
  const clear = options.requiredPlatformInfoClear ?? 0n;
  const fits = (report.platformInfo & set) === set && (report.platformInfo & clear) === 0n;
  checks.expect('platform-info', fits, 'SNP_POLICY_REFUSED', 'the platform is not configured as required');
  const vmpls = options.allowedVmpls ?? [0];
  // 0xFFFFFFFF means that the host, not the guest, asked for the report.
  const allowed = report.vmpl <= 3 && vmpls.includes(report.vmpl);
  checks.expect('vmpl', allowed, 'SNP_VMPL_REFUSED', `VMPL ${report.vmpl}, allowed are ${vmpls.join(', ')}`);
}

function checkMinimumTcb(report: SnpReport, product: SnpProduct, options: SnpEvidenceOptions, checks: CheckList): void {
  const minima = [
    ['reported', options.minimumTcb, report.reportedTcb],
    ['launch', options.minimumLaunchTcb, report.launchTcb],
  ] as const;
  for (const [which, minimum, value] of minima) {
    if (minimum === undefined) continue;
    const enough = tcbAtMost(minimum, decodeTcb(value, product));
    checks.expect(`${which}-tcb-minimum`, enough, 'SNP_TCB_TOO_LOW', `the ${which} TCB is below the minimum`);
  }
}

const REFERENCE_VALUES = [
  ['reportData', 'report-data', 'SNP_REPORT_DATA_MISMATCH'],
  ['hostData', 'host-data', 'SNP_HOST_DATA_MISMATCH'],
  ['measurement', 'measurement', 'SNP_MEASUREMENT_MISMATCH'],
  ['idKeyDigest', 'id-key', 'SNP_ID_KEY_MISMATCH'],
  ['authorKeyDigest', 'author-key', 'SNP_AUTHOR_KEY_MISMATCH'],
  ['familyId', 'family-id', 'SNP_FAMILY_ID_MISMATCH'],
  ['imageId', 'image-id', 'SNP_IMAGE_ID_MISMATCH'],
  ['reportId', 'report-id', 'SNP_REPORT_ID_MISMATCH'],
] as const;

function checkReferenceValues(report: SnpReport, options: SnpEvidenceOptions, checks: CheckList): void {
  if (options.reportData === undefined && options.noFreshness !== true) {
    checks.fail(
      'report-data',
      'SNP_REPORT_DATA_MISMATCH',
      'no expected report data was given, so nothing ties the report to this exchange',
    );
  }
  for (const [field, name, code] of REFERENCE_VALUES) {
    const expected = options[field];
    // A length that differs, also an empty value, is a mismatch and never a wildcard.
    if (expected !== undefined)
      checks.expect(name, equalSecretBytes(report[field], expected), code, `${name} differs from the expected value`);
  }
}
