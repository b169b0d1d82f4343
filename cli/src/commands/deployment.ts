import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { homeFlag, jsonFlag, optionalFileFlag, switchFlag, targetFlag } from './flags.ts';
import { lazily } from './lazily.ts';

export interface DoctorFlags {
  readonly file: string;
  readonly kubeconfig?: string;
  readonly only?: readonly string[];
  readonly target?: 'azure' | 'local';
  readonly home?: string;
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

/** Flags of every command that works on a deployment in a cloud. */
interface CloudCommandFlags {
  readonly file: string;
  readonly target?: 'azure' | 'local';
  readonly home?: string;
  readonly json: boolean;
}

export interface PlanFlags extends CloudCommandFlags {
  readonly out?: string;
}

export interface ApplyFlags extends CloudCommandFlags {
  readonly stage?: string;
  readonly adopt: boolean;
  readonly recoverVault: boolean;
  readonly yes: boolean;
}

export interface StatusFlags extends CloudCommandFlags {
  readonly watch: boolean;
  readonly verbose: boolean;
}

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
      target: {
        kind: 'enum',
        values: ['azure', 'local'],
        brief: 'The cloud that is asked: the real one (default), or the local one of holdfast up',
        optional: true,
      },
      home: homeFlag,
      kubeconfig: optionalFileFlag('Kubeconfig of the cluster of peer pods, which Azure does not know'),
      offline: switchFlag('Ask nobody: only what the configuration, its files and this machine say'),
      strict: switchFlag('Fail on warnings, too (exit code 4)'),
      verbose: switchFlag('Show what passed and what was not checked as well'),
      json: jsonFlag,
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Check a deployment before it is made',
    fullDescription:
      'Runs the checks of docs/reference/doctor.md and changes nothing. Azure and the cluster are asked with the credential at ' +
      'hand; what cannot be asked is reported as not checked, with the reason. Exit codes: 0 no error, 3 a check of severity error failed, 4 a warning with --strict, ' +
      '78 the configuration cannot be read.',
  },
});

const cloudFlags = {
  file,
  target: targetFlag,
  home: {
    ...homeFlag,
    brief: 'Folder of journals, receipts, and of the local cloud (./.holdfast)',
  },
  json: jsonFlag,
} as const;

export const planCommand: Command<CliContext> = buildCommand<PlanFlags, [], CliContext>({
  loader: lazily(async () => {
    const { runPlan } = await import('../deployment/run-plan.ts');
    return (context: CliContext, flags: PlanFlags) => runPlan(context, flags);
  }),
  parameters: {
    flags: {
      ...cloudFlags,
      out: {
        kind: 'parsed',
        parse: String,
        brief: 'Keep the plan in a file that holdfast apply takes for 30 minutes',
        placeholder: 'FILE',
        optional: true,
      },
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Show what an apply would do',
    fullDescription:
      'Compares the configuration with the cloud, field by field, and changes nothing. Exit codes: 0 nothing changes, 2 something ' +
      'does, 1 it could not be found out, 3 a check or a field that cannot be changed stands in the way.',
  },
});

export const applyCommand: Command<CliContext> = buildCommand<ApplyFlags, [string?], CliContext>({
  loader: lazily(async () => {
    const { runApply } = await import('../deployment/run-apply.ts');
    return (context: CliContext, flags: ApplyFlags, plan?: string) => runApply(context, flags, plan);
  }),
  parameters: {
    flags: {
      ...cloudFlags,
      stage: {
        kind: 'parsed',
        parse: String,
        brief: 'Only this stage, such as S3',
        placeholder: 'STAGE',
        optional: true,
      },
      adopt: switchFlag('Take fields over that kubectl or Helm set before'),
      recoverVault: switchFlag('Bring a deleted vault of the same name back, with its secrets'),
      yes: switchFlag('Do not ask'),
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: String,
          brief: 'A plan of holdfast plan --out, which must still hold',
          placeholder: 'PLAN',
          optional: true,
        },
      ],
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Make a deployment, or bring it to what the configuration says',
    fullDescription:
      'Runs the stages in order; what is complete is skipped, and an interrupted run goes on where it stopped. Exit codes: 0 done, ' +
      '1 failed, 3 a check stands in the way, 5 interrupted, 6 not confirmed, 7 something took longer than it may.',
  },
});

export const statusCommand: Command<CliContext> = buildCommand<StatusFlags, [], CliContext>({
  loader: lazily(async () => {
    const { runStatus } = await import('../deployment/run-status.ts');
    return (context: CliContext, flags: StatusFlags) => runStatus(context, flags);
  }),
  parameters: {
    flags: {
      ...cloudFlags,
      watch: switchFlag('Look again every ten seconds until Ctrl-C'),
      verbose: switchFlag('Show what is as it should be as well'),
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Show what of a deployment is there, and how it is',
    fullDescription:
      'Reads the cloud, the cluster and the health of the workload. Exit codes: 0 healthy, 2 something is not as written, 8 ' +
      'degraded, 9 something does not exist, 1 it could not be found out.',
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
      'Writes arm/, k8s/, alerts/ and DEPLOY.md to the folder named with --out.',
    ),
  },
  docs: { brief: 'Write a deployment as ARM templates and Kubernetes YAML' },
});
