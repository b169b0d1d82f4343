import { generateKata, parseInitdata } from '@holdfast/policy';
import type { ImageFactsSource, KataGenerateOptions, KataProfile } from '@holdfast/policy';

import type { GenerateFlags, GenerateKataFlags } from '../commands/policy-generate.ts';
import type { CliIo } from '../context.ts';
import type { GenerateInput } from './generate-input.ts';
import type { Generation, GenerateWarning } from './generated.ts';
import { optionsConflict, readInputText } from './input-file.ts';
import { loadKataRules, loadKataSettings } from './kata-settings.ts';

/** Makes the Kata agent policies of manifests, and annotates them. */
export async function generateKataPolicies(
  io: CliIo,
  flags: GenerateFlags,
  input: GenerateInput,
  images: ImageFactsSource,
): Promise<Generation> {
  if (input.document?.kind !== 'manifests')
    throw optionsConflict('Kata policies are made from Kubernetes manifests only');
  const profile = flags.profile ?? 'ms';
  const { policies, annotatedYaml, warnings } = await generateKata(input.document.text, {
    settings: await loadKataSettings(io, profile, flags.settingsFileName),
    rules: await loadKataRules(io, profile, flags.rulesFileName),
    imageFacts: images,
    extra: input.sources,
    tolerateUnknownFields: flags.silent,
    ...(profile === 'upstream' ? { initdata: await initdataOptions(io, flags) } : {}),
  });
  const common = [...nativeRulesWarning(flags), ...warnings.map((message) => ({ code: 'KATA-GENERATED', message }))];
  return {
    type: 'kata',
    document: annotatedYaml,
    policies: policies.map(({ kind, name, policyText, base64, sha256, policyData }, index) => ({
      owner: `${kind} ${name}`,
      text: policyText,
      base64,
      sha256,
      containers: policyData.containers.length,
      warnings: index === 0 ? common : [],
    })),
  };
}

/** What images are needed for, by profile: `ms` binds layers, `upstream` the accounts inside of images. */
export function kataImageNeeds(profile: KataProfile): {
  readonly formats: readonly 'tarfs'[];
  readonly accounts: boolean;
} {
  return profile === 'ms' ? { formats: ['tarfs'], accounts: false } : { formats: [], accounts: true };
}

function nativeRulesWarning({ rulesFileName }: GenerateKataFlags): readonly GenerateWarning[] {
  if (rulesFileName !== undefined) return [];
  const message =
    "without --rules-file-name the policy carries this product's own rules, which only its local guest evaluates; " +
    "for a cluster, name the rules file of the cluster's release";
  return [{ code: 'KATA-RULES-LOCAL', message }];
}

async function initdataOptions(
  io: CliIo,
  flags: GenerateKataFlags,
): Promise<NonNullable<KataGenerateOptions['initdata']>> {
  const given =
    flags.initdata === undefined ? undefined : parseInitdata((await readInputText(io, flags.initdata)).text);
  const algorithm = flags.initdataAlgorithm ?? given?.algorithm;
  return {
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(given === undefined ? {} : { data: given.data }),
  };
}
