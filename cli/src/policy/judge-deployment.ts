import { knownRules, platformProfiles, profileOfData } from '@holdfast/policy';
import type { KataPolicyData, LintOptions, PlatformProfile, PredictedContainer } from '@holdfast/policy';

import type { CliIo } from '../context.ts';
import { containersOfPolicy, deploymentDocument, expectedCcePods, expectedKataPods } from './expected-pods.ts';
import type { DeploymentDocument, ExpectedPods, PredictionFlags } from './expected-pods.ts';
import type { FoundPolicy } from './found-policies.ts';
import { optionsConflict, readInputText } from './input-file.ts';
import type { InputText } from './input-file.ts';
import { judgeCce, judgeKata } from './judge-policy.ts';
import type { Judged } from './judge-policy.ts';
import { kataDocument } from './predict-kata.ts';

/** How a deployment is judged. */
export interface JudgeFlags extends PredictionFlags {
  readonly manifest?: string;
  readonly platform?: 'aci' | 'virtual-node';
  readonly announced: boolean;
  readonly hostData?: string;
  readonly infrastructureSvn?: number;
}

/** Judges every policy of a file against what is deployed with it: `--manifest`, or the file itself when it is a deployment document. */
export async function judgeDeployment(
  io: CliIo,
  flags: JudgeFlags,
  file: InputText,
  policies: readonly FoundPolicy[],
): Promise<readonly Judged[]> {
  const document =
    flags.manifest === undefined
      ? deploymentDocument(file, false)
      : deploymentDocument(await readInputText(io, flags.manifest), true);
  const isKata = policies.some(({ type }) => type === 'kata');
  if (isKata && policies.some(({ type }) => type === 'cce')) {
    throw optionsConflict('CCE and Kata policies are judged apart', 'Add --type cce or --type kata.');
  }
  return isKata ? judgeKataPolicies(io, flags, document, policies) : judgeCcePolicies(io, flags, document, policies);
}

async function judgeCcePolicies(
  io: CliIo,
  flags: JudgeFlags,
  document: DeploymentDocument | undefined,
  policies: readonly FoundPolicy[],
): Promise<readonly Judged[]> {
  const expected = document === undefined ? undefined : await expectedCcePods(io, flags, document, policies);
  const lint: LintOptions =
    flags.infrastructureSvn === undefined ? {} : { infrastructureSvnFloor: flags.infrastructureSvn };
  const circumstances = {
    profile: profileFor(flags.platform, document),
    announced: flags.announced,
    lint,
    ...(flags.hostData === undefined ? {} : { expectedHostData: flags.hostData }),
  };
  return policies.map((policy, index) => {
    const own = expected ?? (policy.text === undefined ? undefined : containersOfPolicy(policy.text));
    const containers =
      own === undefined ? [] : podOf<readonly PredictedContainer[]>(own, policies, expected === undefined ? 0 : index);
    const judged = judgeCce(policy, containers, circumstances);
    return {
      ...judged,
      findings: [...(own?.findings ?? []), ...judged.findings],
      assumptions: [...(own?.assumptions ?? []), ...judged.assumptions],
    };
  });
}

async function judgeKataPolicies(
  io: CliIo,
  flags: JudgeFlags,
  document: DeploymentDocument | undefined,
  policies: readonly FoundPolicy[],
): Promise<readonly Judged[]> {
  const canAsk = flags.pull || flags.imageFacts !== undefined || flags.tar !== undefined;
  const expected =
    document === undefined || !canAsk ? undefined : await expectedKataPods(io, flags, document, profileOf(policies));
  return policies.map((policy, index) =>
    judgeKata(
      policy,
      expected === undefined ? undefined : podOf<KataPolicyData>(expected, policies, index),
      flags.hostData,
    ),
  );
}

function profileOf(policies: readonly FoundPolicy[]): 'ms' | 'upstream' {
  const text = policies.find((policy) => policy.text !== undefined)?.text;
  const document = text === undefined ? undefined : kataDocument(text);
  if (document === undefined) return 'ms';
  return knownRules(document.rulesSha256)?.profile ?? profileOfData(document.policyData);
}

/** The pod that a policy is for, by position. */
function podOf<T>({ pods }: ExpectedPods<T>, policies: readonly FoundPolicy[], index: number): T {
  const pod = pods[index];
  if (pod !== undefined && (policies.length === pods.length || pods.length === 1)) return pod;
  throw optionsConflict(
    `there are ${policies.length} policies for ${pods.length} pods`,
    'Name a document that carries its policies, or a manifest of one pod.',
  );
}

/** The platform that is named, or that the document is for. */
export function profileFor(name: string | undefined, document: { readonly kind: string } | undefined): PlatformProfile {
  const wanted = name ?? (document?.kind === 'manifests' ? 'virtual-node' : 'aci');
  const profile = platformProfiles.get(wanted);
  if (profile !== undefined) return profile;
  throw optionsConflict(`there is no platform ${wanted}; known are ${[...platformProfiles.keys()].join(', ')}`);
}
