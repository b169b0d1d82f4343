import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { jsonFlag, wholeNumber } from './flags.ts';
import { lazily } from './lazily.ts';

export interface PeerPodsCheckFlags {
  readonly nodes?: number;
  readonly subnet?: string;
  readonly confidential: boolean;
  readonly noEgress: boolean;
  readonly json: boolean;
}

export interface PeerPodsExplainFlags {
  readonly settings?: string;
  readonly catalogue?: string;
  readonly asAdaptor: boolean;
  readonly json: boolean;
}

const switchFlag = (brief: string) => ({ kind: 'boolean', brief, default: false, withNegated: false }) as const;
const fileFlag = (brief: string) =>
  ({ kind: 'parsed', parse: String, brief, placeholder: 'FILE', optional: true }) as const;

const check: Command<CliContext> = buildCommand<PeerPodsCheckFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../peer-pods/run-check.ts')).runCheck),
  parameters: {
    flags: {
      nodes: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'Nodes that run peer pods; with --subnet it is counted whether addresses suffice',
        placeholder: 'N',
        optional: true,
      },
      subnet: {
        kind: 'parsed',
        parse: String,
        brief: 'Range of the subnet of the machines, such as 10.20.0.0/24',
        placeholder: 'CIDR',
        optional: true,
      },
      confidential: switchFlag('The feature gate of the cluster asks for confidential machines'),
      noEgress: switchFlag('The subnet has neither NAT gateway nor route'),
      json: jsonFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'YAML with peer-pods-cm and peer-pods-secret; - is standard input',
          placeholder: 'FILE',
          parse: String,
        },
      ],
    },
  },
  docs: {
    brief: 'Find what is wrong in peer-pods-cm and peer-pods-secret',
    fullDescription:
      'The cloud API adaptor takes values it cannot read silently for its defaults. Here each is an error, with what was expected. Exit code 1 ' +
      'when there is an error, 0 otherwise. Secrets are not shown.',
  },
});

const explain: Command<CliContext> = buildCommand<PeerPodsExplainFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../peer-pods/run-explain.ts')).runExplain),
  parameters: {
    flags: {
      settings: fileFlag('YAML with peer-pods-cm, for the sizes that pods may have'),
      catalogue: fileFlag('JSON list of what the region offers: type, vcpus, memoryMiB, gpus'),
      asAdaptor: switchFlag('Search sizes as the adaptor does, which may miss one that fits'),
      json: jsonFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'Manifests with pods or workloads; - is standard input', placeholder: 'FILE', parse: String },
      ],
    },
  },
  docs: {
    brief: 'What the webhook makes of pods, and which machines they get',
    fullDescription:
      'Shows for each pod of the runtime class kata-remote the size that its requests and limits ask for, and with --settings and --catalogue ' +
      'the machine. Exit code 1 when a pod is refused or gets no machine.',
  },
});

/** `holdfast peer-pods …` */
export const peerPodsRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { check, explain },
  docs: { brief: 'OpenShift peer pods on Azure: settings, and what pods become' },
});
