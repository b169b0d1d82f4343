import { PatternMatcher } from '../regex/index.ts';
import { isLiteralArray, isLiteralObject, type LiteralValue } from '../rego-literals/index.ts';
import { cceGenerations } from './data/generations.ts';
import { infrastructureFragment } from './data/infrastructure.ts';
import type { CceFinding, Report } from './finding.ts';
import { lintContainers } from './lint-containers.ts';
import { measureCceBase64, measureCceText } from './measure.ts';
import { explainMeasurement } from './measure-mismatch.ts';
import { pythonJson } from './python-json.ts';
import { type CcePolicyDocument, readCcePolicy } from './read-policy.ts';

export interface LintOptions {
  /** Lowest acceptable `minimum_svn` of the infrastructure fragment; 4 unless given. */
  readonly infrastructureSvnFloor?: number;
  /** Characters of Base64 that the carrier holds; 262144 unless given, the limit of Kubernetes for annotations. */
  readonly maxBase64Length?: number;
  /** What the guest implements; the newest known version unless given. */
  readonly guestFrameworkVersion?: string;
  readonly guestApiVersion?: string;
  /** Measurement that the policy should have, 64 hex characters. */
  readonly expectedSha256?: string;
}

/**
 * Checks a policy as it stands in its carrier. An empty or missing value is a finding: the platform then admits
 * everything.
 * @throws MalformedError CCE_POLICY_INVALID, REGO_MALFORMED, REGO_TOO_LARGE
 */
export function lintCceCarrier(base64: string | undefined, options: LintOptions = {}): CceFinding[] {
  if (base64 === undefined || base64.trim() === '') {
    return [{ code: 'CCE-EMPTY', severity: 'error', message: 'there is no policy: the platform admits everything' }];
  }
  return lintCceText(measureCceBase64(base64).text ?? '', options);
}

/**
 * Checks the text of a policy, without knowing the deployment.
 * @throws MalformedError REGO_MALFORMED, REGO_TOO_LARGE, CCE_POLICY_INVALID
 */
export function lintCceText(text: string, options: LintOptions = {}): CceFinding[] {
  const findings: CceFinding[] = [];
  const report: Report = (code, severity, message, container) => {
    findings.push(container === undefined ? { code, severity, message } : { code, severity, message, container });
  };
  lintMeasurement(text, options, report);
  const policy = readCcePolicy(text);
  lintRules(policy, report);
  lintFlags(policy, report);
  lintVersions(policy, options, report);
  lintFragments(policy, options, report);
  lintImports(policy, report);
  lintContainers(policy, new PatternMatcher(), report);
  return findings;
}

function lintMeasurement(
  text: string,
  { expectedSha256, maxBase64Length = 262_144 }: LintOptions,
  report: Report,
): void {
  const mismatch = expectedSha256 === undefined ? undefined : explainMeasurement(text, expectedSha256);
  if (mismatch !== undefined) report(mismatch.code, 'error', mismatch.message);
  const { base64 } = measureCceText(text);
  if (base64.length > maxBase64Length) {
    report(
      'CCE-SIZE',
      'warning',
      `the policy takes ${base64.length} characters of Base64; the carrier holds ${maxBase64Length}`,
    );
  }
}

/** Points through which everything runs; a constant for one of them disables the policy. */
const DECISIVE_POINTS = ['mount_device', 'mount_overlay', 'create_container'];

function lintRules({ points, customRules }: CcePolicyDocument, report: Report): void {
  const open = DECISIVE_POINTS.filter((point) => allowsAll(points.get(point)));
  if (open.length > 0) report('CCE-ALLOWALL', 'error', `${open.join(', ')} always answers yes: everything is admitted`);
  for (const { line, excerpt } of customRules.slice(0, 20)) {
    report('CCE-CUSTOM-REGO', 'error', `line ${line} is custom Rego and needs a full evaluator: ${excerpt}`);
  }
}

function allowsAll(value: LiteralValue | undefined): boolean {
  return value === true || (isLiteralObject(value) && value['allowed'] === true);
}

function lintFlags({ flags }: CcePolicyDocument, report: Report): void {
  if (flags.get('allow_dump_stacks') === true) report('CCE-DEBUG', 'warning', 'the host may dump stacks of the guest');
  if (flags.get('allow_runtime_logging') === true)
    report('CCE-DEBUG', 'warning', 'logs of the guest agent leave the guest');
}

function lintVersions(policy: CcePolicyDocument, options: LintOptions, report: Report): void {
  const { G4: newest } = cceGenerations;
  const checks = [
    ['framework', policy.frameworkVersion, options.guestFrameworkVersion ?? newest.frameworkVersion],
    ['API', policy.apiVersion, options.guestApiVersion ?? newest.apiVersion],
  ] as const;
  for (const [what, found, guest] of checks) {
    if (found === undefined) continue;
    const order = compareVersions(found, guest);
    if (order > 0)
      report('CCE-FW-AHEAD', 'error', `the policy asks for ${what} version ${found}; the guest has ${guest}`);
    if (order < 0 && what === 'framework') {
      report('CCE-FW-OLD', 'info', `the policy was written for framework version ${found}; the guest has ${guest}`);
    }
  }
}

/** Order of dotted version numbers; 0 when one of them is none. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (const [index, part] of (left ?? []).entries()) {
    const difference = part - (right?.[index] ?? 0);
    if (Number.isNaN(difference)) return 0;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Imports of one feed that include different things make the guest fail when it loads the fragment. */
function lintImports({ fragments }: CcePolicyDocument, report: Report): void {
  const includes = new Map<string, string>();
  for (const { issuer, feed, includes: included } of fragments) {
    const key = pythonJson([issuer ?? null, feed ?? null]);
    const entries = isLiteralArray(included) ? included.map((entry) => pythonJson(entry)) : [];
    const list = entries.toSorted().join(',');
    if ((includes.get(key) ?? list) !== list) {
      const shown = pythonJson(feed ?? null);
      report(
        'CCE-IMPORT-CONFLICT',
        'error',
        `imports of the feed ${shown} include different things: loading it would fail`,
      );
    }
    includes.set(key, list);
  }
}

function lintFragments(
  { fragments }: CcePolicyDocument,
  { infrastructureSvnFloor = 4 }: LintOptions,
  report: Report,
): void {
  for (const fragment of fragments) {
    const svn = fragment['minimum_svn'];
    if (fragment['feed'] !== infrastructureFragment.feed || (typeof svn !== 'string' && typeof svn !== 'number'))
      continue;
    if (Number(svn) < infrastructureSvnFloor) {
      report(
        'CCE-SVN-LOW',
        'warning',
        `the infrastructure fragment is accepted from version ${svn}; the floor is ${infrastructureSvnFloor}`,
      );
    }
  }
}
