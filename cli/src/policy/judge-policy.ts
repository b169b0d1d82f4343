import { explainMeasurement, verifyCce } from '@holdfast/policy';
import type {
  CceVerification,
  KataPolicyData,
  LintOptions,
  PlatformProfile,
  PredictedContainer,
  VerificationFinding,
} from '@holdfast/policy';

import type { FoundPolicy } from './found-policies.ts';
import { kataFindings, predictKata } from './predict-kata.ts';
import type { Finding } from './terminal.ts';

/** What is known about one policy and what it is used for. */
export interface Judged {
  readonly policy: FoundPolicy;
  readonly findings: readonly (Finding & Partial<Pick<VerificationFinding, 'suggestions' | 'explanation'>>)[];
  readonly assumptions: readonly string[];
  /** False when the policy needs a full evaluator of Rego, so that nothing was predicted. */
  readonly evaluated: boolean;
  /** Predicted steps, and how many of them are denied. */
  readonly steps: number;
  readonly denied: number;
}

export interface CceCircumstances {
  readonly profile: PlatformProfile;
  /** Also what the platform only announced. */
  readonly announced: boolean;
  readonly expectedHostData?: string;
  readonly lint?: LintOptions;
}

/** Judges a CCE policy against the containers that will be asked for. */
export function judgeCce(
  policy: FoundPolicy,
  containers: readonly PredictedContainer[],
  { profile, announced, expectedHostData, lint }: CceCircumstances,
): Judged {
  const found: CceVerification = verifyCce({
    policy: policy.text,
    containers,
    profile: announced ? arrived(profile) : profile,
    ...(expectedHostData === undefined ? {} : { expectedHostData }),
    ...(lint === undefined ? {} : { lint }),
  });
  const { findings, assumptions, evaluated, predictions } = found;
  const denied = predictions.filter(({ decision }) => !decision.allowed).length;
  return { policy, findings, assumptions, evaluated, steps: predictions.length, denied };
}

/** The platform as it will be once everything that is announced has come. */
function arrived(profile: PlatformProfile): PlatformProfile {
  return { ...profile, variables: profile.variables.map((variable) => ({ ...variable, since: 'today' })) };
}

/** Judges a Kata policy against a pod, or, without one, against what it describes itself. */
export function judgeKata(
  policy: FoundPolicy,
  expected: KataPolicyData | undefined,
  expectedHostData: string | undefined,
): Judged {
  const { text } = policy;
  if (text === undefined) {
    const message = 'there is no policy: the guest enforces what it was built with';
    const empty: Finding = { code: 'KATA-EMPTY', severity: 'error', message };
    return { policy, findings: [empty], assumptions: [], evaluated: true, steps: 0, denied: 0 };
  }
  const { evaluated, decisions } = predictKata(text, expected);
  const denied = decisions.filter(({ allowed }) => !allowed);
  const findings: Finding[] = [
    ...measurementFindings(policy, expectedHostData),
    ...kataFindings(text),
    ...denied.map(({ message }): Finding => ({ code: 'KATA-DENIED', severity: 'error', message })),
  ];
  const assumptions =
    expected === undefined
      ? ['There is nothing to compare with: the containers are asked for as the policy describes them.']
      : ['What the node and its runtime choose is as the settings of the policy generator say.'];
  return { policy, findings, assumptions, evaluated, steps: decisions.length, denied: denied.length };
}

function measurementFindings(
  { text, hostData, initdata }: FoundPolicy,
  expected: string | undefined,
): readonly Finding[] {
  if (expected === undefined || expected === hostData) return [];
  const message =
    initdata === undefined && text !== undefined
      ? (explainMeasurement(text, expected)?.message ?? '')
      : `the initdata document measures ${hostData ?? ''}, not ${expected}`;
  return [{ code: 'MEASURE-MISMATCH', severity: 'error', message }];
}
