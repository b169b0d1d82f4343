import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag } from './flags.ts';
import { lazily } from './lazily.ts';

export interface DoctorFlags {
  readonly file: string;
  readonly only?: readonly string[];
  readonly offline: boolean;
  readonly strict: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
}

export interface ExportFlags {
  readonly file: string;
  readonly out?: string;
  readonly json: boolean;
}

const yes = (brief: string) => ({ kind: 'boolean', brief, default: false, withNegated: false }) as const;

const file = {
  kind: 'parsed',
  parse: String,
  brief: 'Configuration of the deployment',
  placeholder: 'FILE',
  default: 'holdfast.yaml',
} as const;

export const doctorCommand: Command<CliContext> = buildCommand<DoctorFlags, [], CliContext>({
  loader: lazily(async () => (await import('../deployment/run-doctor.ts')).runDoctorCommand),
  parameters: {
    flags: {
      file,
      only: {
        kind: 'parsed',
        parse: String,
        variadic: ',',
        brief: 'Only these checks, such as NW-06,LO-01',
        placeholder: 'IDS',
        optional: true,
      },
      offline: yes('Ask nobody: only what the configuration, its files and this machine say'),
      strict: yes('Fail on warnings, too (exit code 4)'),
      verbose: yes('Show what passed and what was not checked as well'),
      json: jsonFlag,
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Check a deployment before it is made',
    fullDescription:
      'Runs the checks of docs/reference/doctor.md and changes nothing. Azure is not asked yet: checks that need it are ' +
      'reported as not checked. Exit codes: 0 no error, 3 a check of severity error failed, 4 a warning with --strict, ' +
      '78 the configuration cannot be read.',
  },
});

type What = 'arm' | 'yaml' | 'all';

function exportCommandFor(what: What, brief: string, fullDescription: string): Command<CliContext> {
  return buildCommand<ExportFlags, [], CliContext>({
    loader: lazily(async () => {
      const { runExport } = await import('../deployment/run-export.ts');
      return (context: CliContext, flags: ExportFlags) => runExport(context, flags, what);
    }),
    parameters: {
      flags: {
        file,
        out: {
          kind: 'parsed',
          parse: String,
          brief: 'Folder to write to; standard output when missing',
          placeholder: 'DIR',
          optional: true,
        },
        json: jsonFlag,
      },
      aliases: { f: 'file' },
    },
    docs: { brief, fullDescription },
  });
}

export const exportRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    arm: exportCommandFor(
      'arm',
      'Azure Resource Manager templates, one for each stage',
      'Without --out, one JSON object with the templates by file name. Nobody is asked: the configuration names the ' +
        'subscription and a Kubernetes version.',
    ),
    yaml: exportCommandFor(
      'yaml',
      'Kubernetes objects as YAML',
      'The virtual node and the operator, or the objects of another profile, in the order in which they are applied.',
    ),
    all: exportCommandFor(
      'all',
      'Templates, YAML, and instructions how to use them by hand',
      'Writes arm/, k8s/ and DEPLOY.md to the folder named with --out.',
    ),
  },
  docs: { brief: 'Write a deployment as ARM templates and Kubernetes YAML' },
});
