import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { InitdataAlgorithm, ReferencePlatform } from '@holdfast/initdata';

import type { CliContext } from '../context.ts';
import { instant } from './evidence-values.ts';
import { jsonFlag, optionalFileFlag, switchFlag } from './flags.ts';
import { dataFile, expectation } from './initdata-values.ts';
import type { DataFile, Expectation } from './initdata-values.ts';
import { lazily } from './lazily.ts';

export interface InitdataBuildFlags {
  readonly aa?: string;
  readonly cdh?: string;
  readonly policy?: string;
  readonly data?: readonly DataFile[];
  readonly from?: string;
  readonly algorithm?: InitdataAlgorithm;
  readonly output?: string;
  readonly base64: boolean;
  readonly annotation: boolean;
  readonly manifest?: string;
  readonly bareMetal: boolean;
  readonly json: boolean;
}

export interface InitdataInspectFlags {
  readonly global?: string;
  readonly document: boolean;
  readonly entry?: string;
  /** Milliseconds since the epoch. */
  readonly at?: number;
  readonly bareMetal: boolean;
  readonly json: boolean;
}

export interface InitdataMeasureFlags {
  readonly expect?: readonly Expectation[];
  readonly referenceValue?: ReferencePlatform;
  /** Milliseconds since the epoch. */
  readonly expires?: number;
  readonly json: boolean;
}

const FORMS =
  'FILE (- is standard input) may be a document, Base64 of its gzip as annotations have it, the gzip, the block device of a bare-metal ' +
  'guest, or Kubernetes manifests with the annotation io.katacontainers.config.hypervisor.cc_init_data or INITDATA in a config map.';

const bareMetalFlag = switchFlag('The guests are no peer pods: no limit of user data, no vTPM');

const buildDocument: Command<CliContext> = buildCommand<InitdataBuildFlags, [], CliContext>({
  loader: lazily(async () => (await import('../initdata/run-build.ts')).runBuild),
  parameters: {
    flags: {
      aa: optionalFileFlag('Configuration of the attestation agent, the entry aa.toml'),
      cdh: optionalFileFlag('Configuration of the confidential data hub, the entry cdh.toml'),
      policy: optionalFileFlag(
        'Kata policy, the entry policy.rego: its text, Base64 of it, or a manifest with its annotation',
      ),
      data: {
        kind: 'parsed',
        parse: dataFile,
        brief: 'Another entry and the file with its text',
        placeholder: 'NAME=FILE',
        variadic: true,
        optional: true,
      },
      from: optionalFileFlag('Initdata to begin with; entries given beside it replace its own'),
      algorithm: {
        kind: 'enum',
        values: ['sha256', 'sha384', 'sha512'],
        brief: 'Digest (sha256, or that of --from)',
        optional: true,
      },
      output: optionalFileFlag('File to write instead of standard output'),
      base64: switchFlag('Write the encoded value, as INITDATA of peer-pods-cm has it'),
      annotation: switchFlag('Write the annotation as a line of YAML'),
      manifest: optionalFileFlag('Write these Kubernetes manifests with the annotation set in every pod'),
      bareMetal: bareMetalFlag,
      json: jsonFlag,
    },
  },
  docs: {
    brief: 'Write an initdata document, or its annotation',
    fullDescription:
      'The same files give the same bytes. Nothing is written when a guest component would refuse an entry; what is only doubtful is ' +
      'said on standard error. Initdata is measured and public: it cannot hold secrets.',
  },
});

const inspectInitdata: Command<CliContext> = buildCommand<InitdataInspectFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../initdata/run-inspect.ts')).runInspect),
  parameters: {
    flags: {
      global: optionalFileFlag(
        'Config map peer-pods-cm, or its encoded INITDATA: show what each pod of FILE starts with',
      ),
      document: switchFlag('Write the document and nothing else'),
      entry: {
        kind: 'parsed',
        parse: String,
        brief: 'Write the text of this entry and nothing else',
        placeholder: 'NAME',
        optional: true,
      },
      at: {
        kind: 'parsed',
        parse: instant,
        brief: 'Judge certificates as of this moment, such as 2025-06-01 (now)',
        placeholder: 'DATE',
        optional: true,
      },
      bareMetal: bareMetalFlag,
      json: jsonFlag,
    },
    positional: { kind: 'tuple', parameters: [{ brief: 'Initdata in any form', placeholder: 'FILE', parse: String }] },
  },
  docs: {
    brief: 'Say what initdata holds, and what guest components would refuse or ignore',
    fullDescription: `Exits with 1 when there is a finding of severity error. ${FORMS}`,
  },
});

const measureInitdata: Command<CliContext> = buildCommand<InitdataMeasureFlags, string[], CliContext>({
  loader: lazily(async () => (await import('../initdata/run-measure.ts')).runMeasure),
  parameters: {
    flags: {
      expect: {
        kind: 'parsed',
        parse: expectation,
        brief: 'Value that a register must have: digest, host-data, mr-config-id, cca, se, sgx or pcr8 (any of them)',
        placeholder: '[REGISTER=]HEX',
        variadic: true,
        optional: true,
      },
      referenceValue: {
        kind: 'enum',
        values: ['azure-snp', 'azure-tdx', 'snp', 'tdx'],
        brief: 'Write the reference value for Trustee and nothing else; several files are accepted alike',
        optional: true,
      },
      expires: {
        kind: 'parsed',
        parse: instant,
        brief: 'When the reference value expires (in a year)',
        placeholder: 'DATE',
        optional: true,
      },
      json: jsonFlag,
    },
    positional: {
      kind: 'array',
      parameter: { brief: 'Initdata in any form', placeholder: 'FILE', parse: String },
      minimum: 1,
    },
  },
  docs: {
    brief: 'Compute what each platform measures initdata as',
    fullDescription: `Exits with 1 when an expected value is not there. ${FORMS}`,
  },
});

export const initdataRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { build: buildDocument, inspect: inspectInitdata, measure: measureInitdata },
  docs: { brief: 'Write, read and measure initdata of confidential pods' },
});
