import {
  aciEnvRules,
  measureCceBase64,
  pauseContainer,
  PatternMatcher,
  platformIdentityEnvRules,
  readCcePolicy,
  vn2ServiceEnvRules,
  workloadIdentityEnvRules,
} from '@holdfast/policy';
import type { CcePolicyDocument } from '@holdfast/policy';
import { errorMessage, PlatformError } from '@holdfast/base';

import { isObject, listAt, textAt } from './shape.ts';
import type { Json, ManifestContainer } from './shape.ts';

export interface PolicyFinding {
  readonly code: 'unreadable' | 'allows-everything' | 'containers' | 'not-admitted' | 'wide-rule';
  readonly message: string;
}

/** What is known of a policy that stands in an annotation. */
export interface PolicyVerdict {
  /** SHA-256 of the decoded text in hexadecimal, which the enclave is registered under; undefined when it cannot be decoded. */
  readonly digest: string | undefined;
  readonly findings: readonly PolicyFinding[];
}

/** Judges the policy of a manifest against its containers. */
export type PolicyVerifier = (policyBase64: string, containers: readonly ManifestContainer[]) => PolicyVerdict;

/** Variables that the deployment fills in; the release rewrites their rules to any value that is not empty. */
export const filledVariables = ['VAULT_NAME', 'OPERATOR_KEY_SECRET_NAME', 'DEPLOYMENT_ENVIRONMENT'] as const;

const knownPatterns = new Set([
  ...[...aciEnvRules, ...vn2ServiceEnvRules, ...platformIdentityEnvRules, ...workloadIdentityEnvRules].map(
    ({ pattern }) => pattern,
  ),
  ...filledVariables.map((name) => `${name}=.+`),
]);

/**
 * Checks a policy as the enforcement point reads it: that it can be read, that it does not admit everything, that it lists
 * the containers of the manifest and the sandbox, and that each container's command and variables are admitted. Image
 * layers are not compared: that takes the image.
 */
export const verifyManifestPolicy: PolicyVerifier = (policyBase64, containers) => {
  try {
    const { sha256, text } = measureCceBase64(policyBase64);
    if (text === undefined) return { digest: sha256, findings: [unreadable('it is not UTF-8 text')] };
    if (!text.trimStart().startsWith('package policy')) {
      return { digest: sha256, findings: [unreadable('it does not begin with "package policy"')] };
    }
    try {
      return { digest: sha256, findings: findingsOf(readCcePolicy(text), containers) };
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      return { digest: sha256, findings: [unreadable(error.message)] };
    }
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { digest: undefined, findings: [unreadable(errorMessage(error))] };
  }
};

function unreadable(problem: string): PolicyFinding {
  return { code: 'unreadable', message: `the policy cannot be read: ${problem}` };
}

function findingsOf(policy: CcePolicyDocument, containers: readonly ManifestContainer[]): readonly PolicyFinding[] {
  const open = [...policy.points]
    .filter(([, rule]) => isObject(rule) && rule['allowed'] === true)
    .map(([name]) => name);
  if (open.length > 0) {
    const message = `the policy always allows ${open.join(', ')}`;
    return [{ code: 'allows-everything', message }];
  }
  if (policy.customRules.length > 0) {
    return [{ code: 'unreadable', message: 'the policy holds rules of its own, which are not those of a release' }];
  }
  const admitted = policy.containers.filter((container) => !isSandbox(container));
  const findings: PolicyFinding[] = [];
  const names = containers.map(({ name }) => name);
  if (admitted.length !== containers.length || admitted.length === policy.containers.length) {
    findings.push({
      code: 'containers',
      message: `the policy lists ${admitted.length} containers and ${policy.containers.length - admitted.length} sandbox, the manifest ${names.join(', ')}`,
    });
  }
  const matcher = new PatternMatcher();
  for (const container of containers) findings.push(...admission(container, admitted, matcher));
  for (const pattern of wideRules(policy)) {
    findings.push({ code: 'wide-rule', message: `the policy admits variables by the unusual rule ${pattern}` });
  }
  return findings;
}

function isSandbox(container: Json): boolean {
  const layers = JSON.stringify(container['layers']);
  return layers === JSON.stringify(pauseContainer.layers) || JSON.stringify(container['command']) === '["/pause"]';
}

/** A container must be admitted as a whole by one entry; what the nearest entry lacks is what is wrong. */
function admission(container: ManifestContainer, admitted: readonly Json[], matcher: PatternMatcher): PolicyFinding[] {
  const named = admitted.filter((entry) => entry['name'] === container.name || entry['id'] === container.name);
  const candidates = named.length > 0 ? named : admitted;
  let best: readonly string[] | undefined;
  for (const entry of candidates) {
    const problems = problemsOf(container, entry, matcher);
    if (problems.length === 0) return [];
    if (best === undefined || problems.length < best.length) best = problems;
  }
  const reasons = best ?? ['no entry of the policy is for it'];
  return [
    {
      code: 'not-admitted',
      message: `the container ${container.name} would not start as it is: ${reasons.join('; ')}`,
    },
  ];
}

function problemsOf(container: ManifestContainer, entry: Json, matcher: PatternMatcher): string[] {
  const problems: string[] = [];
  const command = entry['command'];
  if (container.command !== undefined) {
    const words = [...container.command, ...(container.args ?? [])];
    if (JSON.stringify(words) !== JSON.stringify(command)) problems.push(`its command is ${JSON.stringify(words)}`);
  }
  const rules = listAt(entry, 'env_rules');
  for (const { name, value } of container.env) {
    const admittedBy = rules.some((rule) => matches(rule, `${name}=${value ?? ''}`, matcher));
    if (!admittedBy) problems.push(value === '' ? `${name} is empty` : `${name} is not admitted`);
  }
  return problems;
}

function matches(rule: Json, text: string, matcher: PatternMatcher): boolean {
  const pattern = textAt(rule, 'pattern') ?? '';
  return rule['strategy'] === 're2' ? matcher.matchAnchored(pattern, text) === true : pattern === text;
}

function wideRules(policy: CcePolicyDocument): readonly string[] {
  const patterns = policy.containers
    .flatMap((container) => listAt(container, 'env_rules'))
    .filter((rule) => rule['strategy'] === 're2')
    .map((rule) => textAt(rule, 'pattern') ?? '');
  return [...new Set(patterns)].filter((pattern) => !knownPatterns.has(pattern));
}
