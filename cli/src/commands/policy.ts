import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import type { PolicyType } from '../policy/found-policies.ts';
import type { JudgeFlags } from '../policy/judge-deployment.ts';
import type { LayerFlags } from '../policy/run-layer.ts';
import { jsonFlag, optionalFileFlag, optionalTextFlag, switchFlag, wholeNumber } from './flags.ts';
import { lazily } from './lazily.ts';
import { digest, imageFlags, optionalChoice, optionalFiles, policyType } from './policy-flags.ts';
import { fragmentRoutes } from './policy-fragment.ts';
import { generateCommand } from './policy-generate.ts';

export interface InspectFlags {
  readonly json: boolean;
  readonly type?: PolicyType;
}

export interface MeasureFlags extends InspectFlags {
  readonly expect?: string;
}

export type DiffFlags = InspectFlags;

export interface VerifyFlags extends InspectFlags, JudgeFlags {
  readonly failOn?: 'error' | 'warning';
}

export interface ExplainFlags extends InspectFlags, JudgeFlags {
  readonly policy?: string;
  readonly message?: string;
  readonly request?: string;
}

export interface EvaluateFlags extends InspectFlags {
  readonly policy?: string;
  readonly profile?: 'ms' | 'upstream';
  readonly separate: boolean;
}

const POLICY = 'Policy text, its Base64, ARM template, Kubernetes manifests or initdata; - for standard input';

const oneFile = (brief: string, placeholder = 'FILE') =>
  ({ kind: 'tuple', parameters: [{ brief, placeholder, parse: String }] }) as const;

const shared = { json: jsonFlag, type: policyType } as const;

const judgeFlags = {
  ...shared,
  ...imageFlags,
  platform: optionalChoice("Platform to predict; the document's own when missing", ['aci', 'virtual-node']),
  announced: switchFlag('Also predict what the platform only announced'),
  pull: switchFlag('Read the images from their registries'),
  parameters: optionalFileFlag('Parameter file of the ARM template'),
  configMapFile: optionalFiles('Further manifests with ConfigMaps and Secrets; may be repeated'),
  settingsFileName: optionalTextFlag('Settings with which a Kata policy was made', 'FILE|DIR'),
  hostData: {
    kind: 'parsed',
    parse: digest,
    brief: 'Measurement that the platform will compare with: 32 bytes in hexadecimal',
    placeholder: 'HEX',
    optional: true,
  },
  infrastructureSvn: {
    kind: 'parsed',
    parse: wholeNumber,
    brief: "Lowest acceptable security version of the platform's own fragment (4)",
    placeholder: 'SVN',
    optional: true,
  },
} as const;

const measureCommand: Command<CliContext> = buildCommand<MeasureFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../policy/run-measure.ts')).runMeasure),
  parameters: {
    flags: {
      ...shared,
      expect: {
        kind: 'parsed',
        parse: digest,
        brief: 'Measurement it should have: 32 bytes in hexadecimal',
        placeholder: 'HEX',
        optional: true,
      },
    },
    positional: oneFile(POLICY),
  },
  docs: {
    brief: 'Measure a policy: what HOST_DATA has to be',
    fullDescription:
      'Bytes are measured as they are. With --expect, and another measurement, what usually explains the difference is tried: ' +
      'line feeds at the end, containers over many lines, line ends, a byte order mark.',
  },
});

const inspectCommand: Command<CliContext> = buildCommand<InspectFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../policy/run-inspect.ts')).runInspect),
  parameters: { flags: shared, positional: oneFile(POLICY) },
  docs: { brief: 'Show what a policy admits, and what is remarkable about it' },
});

const diffCommand: Command<CliContext> = buildCommand<DiffFlags, [string, string], CliContext>({
  loader: lazily(async () => (await import('../policy/run-diff.ts')).runDiff),
  parameters: {
    flags: shared,
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: POLICY, placeholder: 'BEFORE', parse: String },
        { brief: 'The same, later', placeholder: 'AFTER', parse: String },
      ],
    },
  },
  docs: {
    brief: 'Compare two policies by their meaning',
    fullDescription:
      'Lists what was added, removed and changed, and whether that lets more through. Ends with 1 when the policies differ in meaning.',
  },
});

const verifyCommand: Command<CliContext> = buildCommand<VerifyFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../policy/run-verify.ts')).runVerify),
  parameters: {
    flags: {
      ...judgeFlags,
      manifest: optionalFileFlag('What will be deployed, when FILE is a policy by itself'),
      failOn: optionalChoice('Severity from which on the exit code is 1; error when missing', ['error', 'warning']),
    },
    positional: oneFile(POLICY),
  },
  docs: {
    brief: 'Judge a policy before it is deployed: by itself, its measurement, and what the guest would say',
    fullDescription:
      'Ends with 0 when nothing speaks against the policy, 1 for findings from the threshold on, 3 for input that cannot be read, and ' +
      '4 for a policy that needs a full evaluator of Rego.',
  },
});

const explainCommand: Command<CliContext> = buildCommand<ExplainFlags, string[], CliContext>({
  loader: lazily(async () => (await import('../policy/run-explain.ts')).runExplain),
  parameters: {
    flags: {
      ...judgeFlags,
      manifest: optionalFileFlag('What will be deployed, when FILE is a policy by itself'),
      policy: optionalFileFlag('Policy to judge with, when FILE does not carry it'),
      message: optionalTextFlag(
        'Denial as a pod event or log shows it, a file with one, or - for standard input',
        'TEXT',
      ),
      request: optionalFileFlag('Recorded request: {"point", "input"}, {"steps"}, or of Kata {"kind", "input"}'),
    },
    positional: {
      kind: 'array',
      parameter: { brief: 'Manifest, template or policy', placeholder: 'FILE', parse: String },
      maximum: 1,
    },
  },
  docs: {
    brief: 'Say what would be denied, why, and the smallest safe change',
    fullDescription:
      'Predicts the requests of a deployment on a platform, with the variables that the platform adds by itself, or explains a denial ' +
      'message or a request. Ends with 1 when something would be denied.',
  },
});

const layerCommand: Command<CliContext> = buildCommand<LayerFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../policy/run-layer.ts')).runLayer),
  parameters: {
    flags: {
      json: jsonFlag,
      format: optionalChoice('Image to hash: ext4 (CCE policies) when missing, tarfs (Kata on AKS)', ['ext4', 'tarfs']),
    },
    positional: oneFile('Tar archive of one layer, plain or compressed with gzip or zstd'),
  },
  docs: { brief: 'Compute the dm-verity root hash of one image layer' },
});

const evaluateCommand: Command<CliContext> = buildCommand<EvaluateFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../policy/run-evaluate.ts')).runEvaluate),
  parameters: {
    flags: {
      ...shared,
      policy: optionalFileFlag('Policy to evaluate, instead of the one that the recording names'),
      profile: optionalChoice('Profile of a Kata policy, when it does not say', ['ms', 'upstream']),
      separate: switchFlag('Ask each Kata request in a sandbox of its own'),
    },
    positional: oneFile('Recorded requests (JSON); - for standard input'),
  },
  docs: {
    brief: 'Replay recorded requests against a policy',
    fullDescription:
      'Prints {"decisions": [{"allowed", "errors", …}]}, one for each request in order. Paths inside of a recording are looked for from its own ' +
      'folder and those above it. Denials do not change the exit code.',
  },
});

export const policyRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    generate: generateCommand,
    measure: measureCommand,
    inspect: inspectCommand,
    explain: explainCommand,
    diff: diffCommand,
    verify: verifyCommand,
    layer: layerCommand,
    evaluate: evaluateCommand,
    fragment: fragmentRoutes,
  },
  docs: { brief: 'Generate, measure, explain and compare confidential policies' },
});
