import { problemText } from '../config/problem.ts';
import type { ConfigProblem } from '../config/problem.ts';
import type { DeploymentConfig } from '../config/profiles.ts';
import type { ReadConfig } from '../config/read-config.ts';
import { credentialChecks, permissionChecks, toolChecks } from './checks-access.ts';
import { clusterChecks, generalChecks, kataChecks, privateLinkChecks } from './checks-cluster.ts';
import { nameChecks } from './checks-names.ts';
import { networkPlanChecks, networkStateChecks } from './checks-network.ts';
import { bundleChecks, environmentChecks, keyChecks } from './checks-operator.ts';
import { peerPodsChecks } from './checks-peer-pods.ts';
import { quotaChecks } from './checks-quota.ts';
import { regionChecks, versionChecks } from './checks-region.ts';
import { rightsChecks } from './checks-rights.ts';
import { groupChecks, providerChecks } from './checks-subscription.ts';
import { notChecked } from './check.ts';
import type { Check, Finding, Severity } from './check.ts';
import type { Facts } from './facts.ts';

/** All checks, by subject. The only list: what runs and what is documented is this. */
export const checkGroups: readonly { readonly title: string; readonly checks: readonly Check[] }[] = [
  { title: 'Tools', checks: toolChecks },
  { title: 'Credential and subscription', checks: credentialChecks },
  { title: 'Permissions', checks: permissionChecks },
  { title: 'Providers', checks: providerChecks },
  { title: 'Resource groups', checks: groupChecks },
  { title: 'Region', checks: regionChecks },
  { title: 'Kubernetes version', checks: versionChecks },
  { title: 'Quota', checks: quotaChecks },
  { title: 'Names', checks: nameChecks },
  { title: 'Network', checks: [...networkPlanChecks, ...networkStateChecks] },
  { title: 'Roles and vault', checks: rightsChecks },
  { title: 'Operator key', checks: keyChecks },
  { title: 'Operator', checks: [...environmentChecks, ...bundleChecks] },
  { title: 'Cluster', checks: clusterChecks },
  { title: 'Confidential containers', checks: kataChecks },
  { title: 'Private link', checks: privateLinkChecks },
  { title: 'Peer pods', checks: peerPodsChecks },
  { title: 'General', checks: generalChecks },
];

export const allChecks: readonly Check[] = checkGroups.flatMap(({ checks }) => checks);

export type Verdict = 'passed' | 'failed' | 'not-checked';

export interface CheckResult {
  readonly check: Check;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** The worst of the findings; that of the check when there are none. */
  readonly severity: Severity;
}

const weight: Readonly<Record<Severity, number>> = { error: 2, warning: 1, info: 0 };

/**
 * Evaluates every check of the configuration's profile with what is known. A check whose facts are missing is not
 * checked; findings from the configuration alone are reported even then.
 */
export function runDoctor(
  config: DeploymentConfig,
  facts: Facts = {},
  only?: ReadonlySet<string>,
): readonly CheckResult[] {
  return allChecks
    .filter((check) => check.profiles.includes(config.profile) && (only === undefined || only.has(check.id)))
    .map((check): CheckResult => {
      const answer = check.run(config, facts);
      if (answer === notChecked) return { check, verdict: 'not-checked', findings: [], severity: check.severity };
      const severities = answer.map((finding) => finding.severity ?? check.severity);
      const severity = severities.reduce((a, b) => (weight[b] > weight[a] ? b : a), severities[0] ?? check.severity);
      return { check, verdict: answer.length === 0 ? 'passed' : 'failed', findings: answer, severity };
    });
}

/** Problems of severity error that the configuration has by itself: what makes it useless to go on. */
function configProblems(config: DeploymentConfig, lineOf: ReadConfig['lineOf']): readonly ConfigProblem[] {
  return runDoctor(config).flatMap(({ check, findings }) =>
    findings
      .filter((finding) => (finding.severity ?? check.severity) === 'error')
      .map(({ message, path = [], remedy }): ConfigProblem => ({
        path,
        line: lineOf(path),
        message,
        action: remedy ?? check.remedy,
        check: check.id,
      })),
  );
}

/**
 * Everything that is wrong with a configuration, in the order of its lines: grammar, values, and what they mean together.
 * A value that is wrong by itself is reported once.
 */
export function allProblems(read: ReadConfig): readonly ConfigProblem[] {
  if (read.config === undefined) return read.problems;
  const wrong = new Set(read.problems.map(({ path }) => JSON.stringify(path)));
  const meaning = configProblems(read.config, read.lineOf).filter(({ path }) => !wrong.has(JSON.stringify(path)));
  return [...read.problems, ...meaning].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/** The problems as lines for people. */
export function problemLines(problems: readonly ConfigProblem[], file: string): readonly string[] {
  return problems.map((problem) => problemText(problem, file));
}
