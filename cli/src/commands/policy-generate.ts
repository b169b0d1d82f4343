import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';

import type { CliContext } from '../context.ts';
import type { ImageFlags } from '../policy/image-flags.ts';
import type { PolicyType } from '../policy/found-policies.ts';
import { jsonFlag, optionalFileFlag, optionalTextFlag, switchFlag } from './flags.ts';
import { lazily } from './lazily.ts';
import { imageFlags, optionalChoice, optionalFiles, policyType } from './policy-flags.ts';

/** What the policy is made from. */
export interface GenerateInputFlags {
  readonly type?: PolicyType;
  readonly image?: readonly string[];
  readonly input?: string;
  readonly containerDefinitions?: string;
  readonly templateFile?: string;
  readonly virtualNodeYaml?: string;
  readonly parameters?: string;
  readonly configMapFile?: readonly string[];
}

/** Options of CCE policies; names are those of the reference generator where it has them. */
export interface GenerateCceFlags {
  readonly generation?: 'G1' | 'G2' | 'G3' | 'G4';
  readonly debugMode: boolean;
  readonly disableStdio: boolean;
  readonly enableStdio: boolean;
  readonly approveWildcards: boolean;
  readonly omitId: boolean;
  readonly includeFragments: boolean;
  readonly fragmentsJson?: string;
  readonly fragmentFile?: readonly string[];
  readonly excludeDefaultFragments: boolean;
  readonly infrastructureSvn?: string;
  readonly fragmentNamespace?: string;
  readonly fragmentSvn?: string;
  readonly policyFlag?: readonly (readonly [string, boolean])[];
  readonly allowPlatformIdentity: boolean;
  readonly expandCapabilityNames: boolean;
  readonly seccompProfile?: readonly string[];
  readonly sortEnvRules: boolean;
  readonly compatible: boolean;
  readonly definitions: boolean;
  readonly fasterHashing: boolean;
}

/** Options of Kata policies. */
export interface GenerateKataFlags {
  readonly profile?: 'ms' | 'upstream';
  readonly rulesFileName?: string;
  readonly settingsFileName?: string;
  readonly silent: boolean;
  readonly initdata?: string;
  readonly initdataAlgorithm?: 'sha256' | 'sha384' | 'sha512';
}

/** What becomes of the policy. */
export interface GenerateOutputFlags {
  readonly json: boolean;
  readonly print: boolean;
  readonly raw: boolean;
  readonly pretty: boolean;
  readonly base64: boolean;
  readonly output?: string;
  readonly yes: boolean;
  readonly diff: boolean;
  readonly printExistingPolicy: boolean;
}

export type GenerateFlags = GenerateInputFlags &
  GenerateCceFlags &
  GenerateKataFlags &
  GenerateOutputFlags &
  ImageFlags;

const inputFlags = {
  type: policyType,
  image: optionalFiles('Image of a container without a document; may be repeated', 'REF'),
  input: optionalTextFlag('JSON configuration of the policy generator', 'CONFIG'),
  containerDefinitions: optionalFileFlag('Finished container definitions (JSON list)'),
  templateFile: optionalFileFlag('ARM template; the same as naming it as FILE'),
  virtualNodeYaml: optionalFileFlag('Manifests for virtual nodes; the same as naming them as FILE'),
  parameters: optionalFileFlag('Parameter file of the ARM template'),
  configMapFile: optionalFiles('Further manifests with ConfigMaps, Secrets or claims; may be repeated'),
} as const;

const cceFlags = {
  generation: optionalChoice(
    'Generation of the policy text, by the release of the reference generator; G3 when missing',
    ['G1', 'G2', 'G3', 'G4'],
  ),
  debugMode: switchFlag('Allow shells in every container, stack dumps and runtime logs'),
  disableStdio: switchFlag('Deny the host the standard streams of the containers'),
  enableStdio: switchFlag('Allow the host the standard streams, which is the default'),
  approveWildcards: switchFlag('Allow any value of a variable whose value is not known'),
  omitId: switchFlag('Leave out the ids of containers, and names that equal them'),
  includeFragments: switchFlag('Import the fragments of --fragments-json'),
  fragmentsJson: optionalFileFlag('JSON list of fragments to import: feed, issuer, minimum_svn, includes'),
  fragmentFile: optionalFiles('Text of an imported fragment: containers it admits are left out; may be repeated'),
  excludeDefaultFragments: switchFlag("Leave out the import of the platform's own containers"),
  infrastructureSvn: optionalTextFlag("Lowest security version of the platform's own fragment", 'SVN'),
  fragmentNamespace: optionalTextFlag('Make a fragment with this namespace instead of a policy', 'NAME'),
  fragmentSvn: optionalTextFlag('Security version of the fragment (1)', 'SVN'),
  policyFlag: {
    kind: 'parsed',
    parse: policyFlag,
    brief: 'Flag of the policy, such as allow_environment_variable_dropping=false; may be repeated',
    placeholder: 'NAME=BOOLEAN',
    optional: true,
    variadic: true,
  },
  allowPlatformIdentity: switchFlag(
    'Allow IDENTITY_ENDPOINT, IMDS_ENDPOINT and APP_IDENTITY_ENDPOINT, which the platform adds',
  ),
  expandCapabilityNames: switchFlag('Read ALL, and names without CAP_, as Kubernetes means them'),
  seccompProfile: optionalFiles('Content of a Localhost seccomp profile, by its path; may be repeated', 'PATH=FILE'),
  sortEnvRules: switchFlag('Sort environment rules by their pattern, as the oldest policies do'),
  compatible: switchFlag('Reproduce the defects of the reference generator'),
  definitions: switchFlag('Make container definitions from manifests, by the newer pipeline'),
  fasterHashing: switchFlag('Accepted for compatibility: layers are always streamed'),
} as const;

const kataFlags = {
  profile: optionalChoice('Profile of Kata policies; ms (AKS) when missing', ['ms', 'upstream']),
  rulesFileName: optionalFileFlag('Rules file of the cluster; without one, rules for the local guest alone'),
  settingsFileName: optionalTextFlag(
    'genpolicy-settings.json, or a folder with it and genpolicy-settings.d',
    'FILE|DIR',
  ),
  silent: switchFlag('Accept fields of manifests that the generator does not know'),
  initdata: optionalFileFlag('Initdata document whose further entries are kept (upstream)'),
  initdataAlgorithm: optionalChoice('Digest of the initdata document (upstream)', ['sha256', 'sha384', 'sha512']),
} as const;

const outputFlags = {
  json: jsonFlag,
  print: switchFlag('Write the document with its policies to standard output, and leave the file alone'),
  raw: switchFlag('Write the text of the policy'),
  pretty: switchFlag('Write the text with its containers over many lines; it measures differently'),
  base64: switchFlag('Write the policy in Base64'),
  output: optionalFileFlag('Write to this file instead of the document or standard output'),
  yes: switchFlag('Replace other policies in the document without asking'),
  diff: switchFlag(
    'Compare the policies in the document with new ones, as the reference generator does; write nothing',
  ),
  printExistingPolicy: switchFlag('Write the policies that the document carries, decoded, and end'),
} as const;

/** Parses `NAME=true` or `NAME=false`. */
function policyFlag(text: string): readonly [string, boolean] {
  const [, name, value] = /^([a-z_]+)=(true|false)$/u.exec(text) ?? [];
  if (name === undefined) throw new SyntaxError(`"${text}" is not NAME=true or NAME=false`);
  return [name, value === 'true'];
}

export const generateCommand: Command<CliContext> = buildCommand<GenerateFlags, string[], CliContext>({
  loader: lazily(async () => (await import('../policy/run-generate.ts')).runGenerate),
  parameters: {
    flags: { ...inputFlags, ...cceFlags, ...kataFlags, ...outputFlags, ...imageFlags },
    positional: {
      kind: 'array',
      parameter: {
        brief: 'ARM template, Kubernetes manifests or JSON configuration; - for standard input',
        placeholder: 'FILE',
        parse: String,
      },
      maximum: 1,
    },
  },
  docs: {
    brief: 'Make the confidential policies of a deployment, and put them into its document',
    fullDescription:
      'Makes CCE policies for ARM templates, virtual nodes, images and JSON configurations, and Kata agent policies for ' +
      'Kubernetes manifests. Every other byte of the document stays as it is. Images are read from their registries, from ' +
      'archives, or from recorded facts; layers are hashed while they stream and remembered by their digest.',
  },
});
