import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { homeFlag, jsonFlag, optionalFileFlag, switchFlag, wholeNumber } from './flags.ts';
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

export type PeerPodsRunPlatform = 'azure-snp-vtpm' | 'snp' | 'sample';

export interface PeerPodsRunFlags {
  readonly kbs?: string;
  readonly initdata?: string;
  readonly platform: PeerPodsRunPlatform;
  readonly home?: string;
  readonly port?: number;
  readonly once?: string;
  readonly output?: string;
  readonly json: boolean;
}

export interface PeerPodsSealFlags {
  readonly key: string;
  readonly keyId: string;
  readonly json: boolean;
}

export interface PeerPodsConfigureFlags {
  readonly kubeconfig?: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export interface PeerPodsNodeFlags {
  readonly node: readonly string[];
  readonly owner: string;
  readonly kubeconfig?: string;
  readonly json: boolean;
}

export interface PeerPodsAdvertiseFlags extends PeerPodsNodeFlags {
  readonly limit: number;
  readonly takeOver: boolean;
}

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
      settings: optionalFileFlag('YAML with peer-pods-cm, for the sizes that pods may have'),
      catalogue: optionalFileFlag('JSON list of what the region offers: type, vcpus, memoryMiB, gpus'),
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

const run: Command<CliContext> = buildCommand<PeerPodsRunFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../peer-pods/run-pod.ts')).runPod),
  parameters: {
    flags: {
      kbs: {
        kind: 'parsed',
        parse: brokerUrl,
        brief: 'Where the key broker is reached from here, in place of the address in the initdata',
        placeholder: 'URL',
        optional: true,
      },
      initdata: optionalFileFlag(
        'INITDATA of peer-pods-cm, encoded or as the document: for pods without the annotation',
      ),
      platform: {
        kind: 'enum',
        values: ['azure-snp-vtpm', 'snp', 'sample'],
        brief: 'The simulated hardware; sample protects nothing',
        default: 'azure-snp-vtpm',
      },
      home: homeFlag,
      port: {
        kind: 'parsed',
        parse: portNumber,
        brief: 'Port of the interface for workloads (8006; any free one with --once)',
        placeholder: 'N',
        optional: true,
      },
      once: {
        kind: 'parsed',
        parse: String,
        brief: 'Fetch this resource (repository/type/tag), or unseal this sealed secret, and end',
        placeholder: 'PATH',
        optional: true,
      },
      output: {
        kind: 'parsed',
        parse: String,
        brief: 'With --once: write the bytes to this file instead of standard output',
        placeholder: 'FILE',
        optional: true,
      },
      json: jsonFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'Manifest with one pod of the runtime class kata-remote and its Secrets; - is standard input',
          placeholder: 'MANIFEST',
          parse: String,
        },
      ],
    },
  },
  docs: {
    brief: 'Start a pod in a simulated machine that attests itself to a key broker',
    fullDescription:
      'Measures the initdata of the pod, asks their policy about its containers, and serves 127.0.0.1:8006 as a guest does, until ' +
      'Ctrl-C: /cdh/resource, /aa/token, /aa/evidence. Containers are not run. The keys of the simulated hardware are made at the ' +
      'first start, in the folder snp of --home. Exit code 1 when something refuses.',
  },
});

const seal: Command<CliContext> = buildCommand<PeerPodsSealFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../peer-pods/run-seal.ts')).runSeal),
  parameters: {
    flags: {
      key: { kind: 'parsed', parse: String, brief: 'Private key on P-256 that signs, as PEM', placeholder: 'FILE' },
      keyId: {
        kind: 'parsed',
        parse: String,
        brief: 'Resource with the public key, as kbs:///REPOSITORY/TYPE/TAG',
        placeholder: 'URI',
      },
      json: jsonFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'Resource that the secret stands for, as kbs:///REPOSITORY/TYPE/TAG',
          placeholder: 'URI',
          parse: String,
        },
      ],
    },
  },
  docs: {
    brief: 'Seal a reference to a resource, for a value of a Kubernetes Secret',
    fullDescription:
      'The result holds nothing secret: guests verify its signature and ask the key broker for the resource. With --json also the public ' +
      'key, as the JSON Web Key that the resource of --key-id has to hold.',
  },
});

const kubeconfigFlag = optionalFileFlag('Kubeconfig of the cluster ($KUBECONFIG, or the cluster of this pod)');

const nodeFlags = {
  node: {
    kind: 'parsed',
    parse: String,
    variadic: ',',
    brief: 'Node, or several with commas between them',
    placeholder: 'NAMES',
  },
  owner: {
    kind: 'parsed',
    parse: String,
    brief: 'Who offers the machines: only the owner can withdraw them (holdfast)',
    default: 'holdfast',
    placeholder: 'NAME',
  },
  kubeconfig: kubeconfigFlag,
  json: jsonFlag,
} as const;

const configure: Command<CliContext> = buildCommand<PeerPodsConfigureFlags, [string], CliContext>({
  loader: lazily(async () => (await import('../peer-pods/run-configure.ts')).runConfigure),
  parameters: {
    flags: {
      kubeconfig: kubeconfigFlag,
      dryRun: switchFlag('Ask the cluster what would come out, and change nothing'),
      json: jsonFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Configuration of a deployment with podVms', placeholder: 'FILE', parse: String }],
    },
  },
  docs: {
    brief: 'Write peer-pods-cm of a deployment into the cluster',
    fullDescription:
      'Checks the settings that podVms of the configuration lead to, and applies peer-pods-cm, osc-feature-gates and the policy about ' +
      'namespaces. holdfast export yaml writes the same objects to a file. The adaptor reads them when its pods start again. Exit code 1 ' +
      'when a setting cannot be used, or the cluster refuses.',
  },
});

const advertise: Command<CliContext> = buildCommand<PeerPodsAdvertiseFlags, [], CliContext>({
  loader: lazily(async () => (await import('../peer-pods/run-node.ts')).runAdvertise),
  parameters: {
    flags: {
      limit: {
        kind: 'parsed',
        parse: signedNumber,
        brief: 'PEERPODS_LIMIT_PER_NODE: machines that a node offers; -1 changes nothing (10)',
        default: '10',
        placeholder: 'N',
      },
      takeOver: switchFlag('Take nodes over from an owner that is gone'),
      ...nodeFlags,
    },
  },
  docs: {
    brief: 'Let nodes offer machines of peer pods',
    fullDescription:
      'Writes the extended resource kata.peerpods.io/vm into the status of the nodes, as the cloud API adaptor does: without it peer pods ' +
      'stay Pending. For clusters whose adaptor is too old for it, and to try the webhook without one.',
  },
});

const withdraw: Command<CliContext> = buildCommand<PeerPodsNodeFlags, [], CliContext>({
  loader: lazily(async () => (await import('../peer-pods/run-node.ts')).runWithdraw),
  parameters: { flags: nodeFlags },
  docs: {
    brief: 'Let nodes offer no more machines of peer pods',
    fullDescription:
      'Removes what advertise wrote, unless another owner offers machines by now. Pods that run keep running.',
  },
});

function signedNumber(text: string): number {
  return text === '-1' ? -1 : wholeNumber(text);
}

function brokerUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new SyntaxError(`"${text}" is no address such as https://kbs:8080`);
}

function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port > 65_535) throw new SyntaxError(`"${text}" is no port`);
  return port;
}

/** `holdfast peer-pods …` */
export const peerPodsRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { check, explain, configure, advertise, withdraw, run, seal },
  docs: { brief: 'OpenShift peer pods on Azure: settings, what pods become, and a guest to try' },
});
