import { UnsupportedError } from '@holdfast/base';

import type { CceFinding } from '../cce/finding.ts';
import type { LintOptions } from '../cce/lint-policy.ts';
import { lintCceText } from '../cce/lint-policy.ts';
import { pauseContainer } from '../cce/data/pause-container.ts';
import type { Decision } from './decision.ts';
import type { CceEnforcerOptions } from './enforcer.ts';
import { createCceEnforcer } from './enforcer.ts';
import type { Explanation } from './explain.ts';
import { describeDropped, explainDecision } from './explain.ts';
import type { InjectionCondition, PlatformProfile } from './platform-profiles/index.ts';
import type { PredictedStep } from './predict-requests.ts';
import { predictRequests } from './predict-requests.ts';
import type { PredictedContainer } from './predicted-container.ts';
import type { Suggestion } from './suggestions.ts';

/** A finding of `verifyCce`; predictions come with what would prevent them. */
export interface VerificationFinding extends CceFinding {
  readonly suggestions?: readonly Suggestion[];
  readonly explanation?: Explanation;
}

export interface VerifyCceInput {
  /** Text of the policy, decoded from its carrier; undefined or empty when there is none. */
  readonly policy: string | undefined;
  /** The containers that will be asked for, in order. */
  readonly containers: readonly PredictedContainer[];
  readonly profile: PlatformProfile;
  /** Circumstances that hold; default all but workload identity, the cautious assumption. */
  readonly conditions?: readonly InjectionCondition[];
  /** Measurement the platform will compare with, 64 hex characters. */
  readonly expectedHostData?: string;
  readonly lint?: Omit<LintOptions, 'expectedSha256'>;
  readonly guest?: CceEnforcerOptions;
}

export interface CceVerification {
  readonly findings: readonly VerificationFinding[];
  /** What the predictions assume. */
  readonly assumptions: readonly string[];
  /** False when the policy needs a full evaluator or there is none, so that nothing was predicted. */
  readonly evaluated: boolean;
  /** Every predicted step with its decision. */
  readonly predictions: readonly Prediction[];
}

export interface Prediction {
  readonly step: PredictedStep;
  readonly decision: Decision;
}

/**
 * Checks a policy against a deployment before it happens: the policy on its own, its measurement, and what the guest will
 * say to each container. A denial that the platform's own variables cause is an error today and a warning when the
 * variables are only announced. Throws `REGO_MALFORMED`, `REGO_TOO_LARGE`, `CCE_POLICY_INVALID`, `CCE_POLICY_PACKAGE`
 * and `REGEX_BUDGET_EXCEEDED`; a policy with custom Rego is a finding.
 */
export function verifyCce(input: VerifyCceInput): CceVerification {
  const { policy, expectedHostData } = input;
  if (policy === undefined || policy.trim() === '') {
    const message = 'there is no policy: the platform admits everything';
    const empty: VerificationFinding = { code: 'CCE-EMPTY', severity: 'error', message };
    return { findings: [empty], assumptions: [], evaluated: false, predictions: [] };
  }
  const measured = expectedHostData === undefined ? {} : { expectedSha256: expectedHostData };
  const findings: VerificationFinding[] = [...lintCceText(policy, { ...input.lint, ...measured })];
  findings.push(...secretFindings(policy, input.containers));
  const today = predict(policy, input, false);
  if (today === undefined) return { findings, assumptions: [], evaluated: false, predictions: [] };
  findings.push(...deniedFindings(today.predictions, input.profile, 'error'));
  findings.push(...droppedFindings(today.predictions, input));
  findings.push(...announcedFindings(policy, input, today.predictions));
  return { findings, assumptions: today.assumptions, evaluated: true, predictions: today.predictions };
}

/** Plays the predicted steps; undefined when the policy cannot be evaluated natively. */
function predict(
  policy: string,
  input: VerifyCceInput,
  announced: boolean,
): { readonly predictions: readonly Prediction[]; readonly assumptions: readonly string[] } | undefined {
  try {
    const enforcer = createCceEnforcer(policy, input.guest);
    const sandbox = pauseContainer.layers.every((layer) => enforcer.policy.layers.has(layer));
    const { conditions, profile } = input;
    const { steps, assumptions } = predictRequests(input.containers, {
      profile,
      announced,
      sandbox,
      ...(conditions === undefined ? {} : { conditions }),
    });
    const predictions = steps.map((step) => ({ step, decision: enforcer.enforce(step) }));
    const admitted = 'The sandbox container is admitted by an imported fragment, because the policy does not hold it.';
    return { predictions, assumptions: sandbox ? assumptions : [...assumptions, admitted] };
  } catch (error) {
    if (error instanceof UnsupportedError && error.code !== 'REGEX_BUDGET_EXCEEDED') return undefined;
    throw error;
  }
}

/** One finding for each container: its first denied step, which is where the pod stops. */
function deniedFindings(
  predictions: readonly Prediction[],
  profile: PlatformProfile,
  severity: CceFinding['severity'],
): readonly VerificationFinding[] {
  const first = new Map<string, Prediction>();
  for (const prediction of predictions) {
    const container = prediction.step.container ?? '';
    if (!prediction.decision.allowed && !first.has(container)) first.set(container, prediction);
  }
  return [...first].map(([container, { decision }]) => {
    const explanation = explainDecision(decision, { profile });
    return {
      code: severity === 'error' ? 'CCE-DENIED' : 'CCE-DENIED-ANNOUNCED',
      severity,
      message: `the guest would answer: ${explanation.headline}`,
      ...(container === '' ? {} : { container }),
      suggestions: explanation.suggestions,
      explanation,
    };
  });
}

/** Containers that start today but not once the announced variables arrive. */
function announcedFindings(
  policy: string,
  input: VerifyCceInput,
  today: readonly Prediction[],
): readonly VerificationFinding[] {
  if (!input.profile.variables.some((variable) => variable.since === 'announced')) return [];
  const denied = new Set(today.filter(({ decision }) => !decision.allowed).map(({ step }) => step.container));
  const later = predict(policy, input, true)?.predictions ?? [];
  const onlyLater = later.filter(({ step }) => !denied.has(step.container));
  return deniedFindings(onlyLater, input.profile, 'warning');
}

/** Variables that would silently be missing inside: a warning for the manifest's own, a note for the platform's. */
function droppedFindings(predictions: readonly Prediction[], input: VerifyCceInput): readonly VerificationFinding[] {
  const findings: VerificationFinding[] = [];
  for (const { step, decision } of predictions) {
    if (decision.point !== 'create_container') continue;
    const own = input.containers.find((container) => container.name === step.container);
    for (const variable of decision.droppedEnvironment) {
      const declared = own?.env.some((candidate) => candidate.name === variable.name) === true;
      findings.push({
        code: 'CCE-ENV-DROPPED',
        severity: declared ? 'warning' : 'info',
        message: `${variable.name} would be removed before the process starts: ${describeDropped(variable)}`,
        ...(step.container === undefined ? {} : { container: step.container }),
      });
    }
  }
  return findings;
}

/** Secret values that stand readable in the policy. */
function secretFindings(policyText: string, containers: readonly PredictedContainer[]): readonly VerificationFinding[] {
  return containers.flatMap((container) =>
    container.env
      .filter(({ secret, value }) => secret === true && value !== undefined && value !== '')
      .filter(({ name, value }) => policyText.includes(JSON.stringify(`${name}=${value}`).slice(1, -1)))
      .map(({ name }): VerificationFinding => ({
        code: 'CCE-SECRET-IN-POLICY',
        severity: 'warning',
        message: `the secret value of ${name} can be read in the policy, which everyone may see`,
        container: container.name,
      })),
  );
}
