import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { homeFlag, jsonFlag, optionalTextFlag, switchFlag, targetFlag, textFlag, wholeNumber } from './flags.ts';
import { lazily } from './lazily.ts';

/** Which cluster an identity command works on, and where that is. */
export interface ClusterFlags {
  readonly clusterName: string;
  readonly resourceGroup: string;
  readonly subscription?: string;
  readonly target?: 'azure' | 'local';
  readonly home?: string;
  readonly kubeconfig?: string;
  readonly json: boolean;
}

export interface IdentityAddFlags extends ClusterFlags {
  readonly namespace: string;
  readonly identityResourceId: string;
  readonly name?: string;
  readonly bindingSelector?: string;
  readonly enable: boolean;
  readonly allowKubenet: boolean;
}

export interface IdentityDeleteFlags extends ClusterFlags {
  readonly namespace: string;
  readonly name: string;
}

export interface ExceptionAddFlags extends ClusterFlags {
  readonly namespace: string;
  readonly podLabels: readonly string[];
  readonly name?: string;
}

export interface IdentityDetectFlags {
  readonly namespace?: string;
  readonly clusterName?: string;
  readonly resourceGroup?: string;
  readonly subscription?: string;
  readonly target?: 'azure' | 'local';
  readonly home?: string;
  readonly kubeconfig?: string;
  readonly out?: string;
  readonly path: 'sidecar' | 'native';
  readonly proxyPort: number;
  readonly serviceAccountTokenExpiration: string;
  readonly tenantId?: string;
  readonly issuer?: string;
  readonly federate: boolean;
  readonly json: boolean;
}

export interface RedirectFlags {
  readonly apply: boolean;
  readonly remove: boolean;
  readonly print: boolean;
  readonly tool: 'nftables' | 'iptables';
  readonly nmiPort: number;
  readonly nmiListenAddress: string;
  readonly metadataIp: string;
  readonly metadataPort: number;
  readonly json: boolean;
}

const cloud = {
  subscription: optionalTextFlag('Subscription of the cluster; AZURE_SUBSCRIPTION_ID when missing', 'ID'),
  target: targetFlag,
  home: homeFlag,
  kubeconfig: optionalTextFlag('Kubeconfig of the cluster; asked of Azure when missing', 'FILE'),
} as const;

const cluster = {
  clusterName: textFlag('Name of the AKS cluster', 'NAME'),
  resourceGroup: textFlag('Resource group of the cluster', 'GROUP'),
  ...cloud,
  json: jsonFlag,
} as const;

const namespace = textFlag('Namespace of the pods', 'NAMESPACE');
const aliases = { g: 'resourceGroup', n: 'name' } as const;

const add: Command<CliContext> = buildCommand<IdentityAddFlags, [], CliContext>({
  loader: lazily(async () => (await import('../identity/run-identity.ts')).runAdd),
  parameters: {
    flags: {
      ...cluster,
      namespace,
      identityResourceId: textFlag('Resource id of the user-assigned managed identity', 'ID'),
      name: optionalTextFlag('Name of the pod identity; that of the managed identity when missing', 'NAME'),
      bindingSelector: optionalTextFlag('Value of the pod label aadpodidbinding; the name when missing', 'VALUE'),
      enable: switchFlag('Turn the pod identity add-on on when it is off'),
      allowKubenet: switchFlag('Accept kubenet, where pods can take each other’s tokens (CVE-2021-1677)'),
    },
    aliases,
  },
  docs: {
    brief: 'Give the pods of a namespace a managed identity',
    fullDescription:
      'As the add-on does: the identity of the cluster becomes Managed Identity Operator of the managed identity, the pod identity is written ' +
      'into the cluster’s podIdentityProfile, and AzureIdentity and AzureIdentityBinding into the namespace. Can be repeated. Exit code 1 when a step fails.',
  },
});

const list: Command<CliContext> = buildCommand<ClusterFlags, [], CliContext>({
  loader: lazily(async () => (await import('../identity/run-identity.ts')).runList),
  parameters: { flags: cluster, aliases: { g: 'resourceGroup' } },
  docs: { brief: 'Show the pod identities of a cluster' },
});

const remove: Command<CliContext> = buildCommand<IdentityDeleteFlags, [], CliContext>({
  loader: lazily(async () => (await import('../identity/run-identity.ts')).runDelete),
  parameters: { flags: { ...cluster, namespace, name: textFlag('Name of the pod identity', 'NAME') }, aliases },
  docs: {
    brief: 'Take a pod identity away',
    fullDescription:
      'Removes it from the cluster’s podIdentityProfile and its objects from the namespace. The managed identity and the role of the cluster ' +
      'on it stay. Exit code 1 when there is no such pod identity.',
  },
});

const exceptionAdd: Command<CliContext> = buildCommand<ExceptionAddFlags, [], CliContext>({
  loader: lazily(async () => (await import('../identity/run-exception.ts')).runExceptionAdd),
  parameters: {
    flags: {
      ...cluster,
      namespace,
      podLabels: {
        kind: 'parsed',
        parse: String,
        brief: 'Labels KEY=VALUE; a pod with any one of them is excepted',
        placeholder: 'KEY=VALUE',
        variadic: true,
      },
      name: optionalTextFlag('Name of the exception; made from the labels when missing', 'NAME'),
    },
    aliases,
  },
  docs: { brief: 'Leave pods with certain labels to the metadata service of the node' },
});

const exceptionList: Command<CliContext> = buildCommand<ClusterFlags, [], CliContext>({
  loader: lazily(async () => (await import('../identity/run-exception.ts')).runExceptionList),
  parameters: { flags: cluster, aliases: { g: 'resourceGroup' } },
  docs: { brief: 'Show the exceptions of a cluster' },
});

const exceptionDelete: Command<CliContext> = buildCommand<IdentityDeleteFlags, [], CliContext>({
  loader: lazily(async () => (await import('../identity/run-exception.ts')).runExceptionDelete),
  parameters: { flags: { ...cluster, namespace, name: textFlag('Name of the exception', 'NAME') }, aliases },
  docs: { brief: 'Take an exception away' },
});

const detect: Command<CliContext> = buildCommand<IdentityDetectFlags, string[], CliContext>({
  loader: lazily(async () => (await import('../identity/run-detect.ts')).runDetect),
  parameters: {
    flags: {
      namespace: optionalTextFlag('Only this namespace; for a cluster default when missing', 'NAMESPACE'),
      clusterName: optionalTextFlag('Read this AKS cluster instead of files; its issuer is asked of Azure', 'NAME'),
      resourceGroup: optionalTextFlag('Resource group of the cluster', 'GROUP'),
      ...cloud,
      kubeconfig: optionalTextFlag('Read the cluster of this kubeconfig instead of files', 'FILE'),
      out: optionalTextFlag('Folder that the files are written to; nothing is written without it', 'DIR'),
      path: {
        kind: 'enum',
        values: ['sidecar', 'native'],
        brief:
          'sidecar: a proxy answers for the metadata service, nothing in the application changes; native: its SDK knows workload identity',
        default: 'sidecar',
      },
      proxyPort: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'Port of the proxy',
        placeholder: 'PORT',
        default: '8000',
      },
      serviceAccountTokenExpiration: {
        ...textFlag('Lifetime of the service account tokens, 1h to 24h', 'DURATION'),
        default: '1h',
      },
      tenantId: optionalTextFlag('Tenant of the identities, for the annotation; the webhook’s own when missing', 'ID'),
      issuer: optionalTextFlag('Issuer of the cluster’s service account tokens', 'URL'),
      federate: switchFlag('Also make the federated credentials, which changes nothing for the pods that run'),
      json: jsonFlag,
    },
    positional: {
      kind: 'array',
      parameter: {
        brief: 'Manifests with workloads, AzureIdentities and bindings; - is standard input',
        placeholder: 'FILE',
        parse: String,
      },
    },
    aliases: { g: 'resourceGroup' },
  },
  docs: {
    brief: 'Find what uses pod identity, and write what takes it to workload identity',
    fullDescription:
      'For each workload whose pods are labelled: the federated credential (as an ARM template and as an az command), the service account with its ' +
      'annotations, and the workload with label and, unless --path native, the proxy. The label aadpodidbinding stays until the new way is verified. Exit codes: 0 ' +
      'nothing uses pod identity, 2 something does and all of it can be migrated, 1 something cannot be, or the command failed.',
  },
});

const redirect: Command<CliContext> = buildCommand<RedirectFlags, [], CliContext>({
  loader: lazily(async () => (await import('../identity/run-redirect.ts')).runRedirect),
  parameters: {
    flags: {
      apply: switchFlag('Put the rules in place, or renew them'),
      remove: switchFlag('Take the rules away'),
      print: switchFlag('Show the rules and change nothing'),
      tool: {
        kind: 'enum',
        values: ['nftables', 'iptables'],
        brief: 'Which program changes the rules',
        default: 'nftables',
      },
      nmiPort: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'Port of holdfast serve pod-identity',
        placeholder: 'PORT',
        default: '2579',
      },
      nmiListenAddress: { ...textFlag('Address that it listens on', 'IP'), default: '127.0.0.1' },
      metadataIp: { ...textFlag('Address of the metadata service', 'IP'), default: '169.254.169.254' },
      metadataPort: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'Port of the metadata service',
        placeholder: 'PORT',
        default: '80',
      },
      json: jsonFlag,
    },
  },
  docs: {
    brief: 'Redirect the pods of this node to its pod identity server, or stop doing so',
    fullDescription:
      'Changes the rules of the network namespace it runs in; needs root. Connections from the node itself are left alone. Give one of --apply, ' +
      '--remove and --print.',
  },
});

/** `holdfast identity …` */
export const identityRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    add,
    list,
    delete: remove,
    exception: buildRouteMap({
      routes: { add: exceptionAdd, list: exceptionList, delete: exceptionDelete },
      docs: { brief: 'Pods that are left to the metadata service of the node' },
    }),
    detect,
    redirect,
  },
  docs: { brief: 'Pod identities of a cluster, and the way to workload identity' },
});
