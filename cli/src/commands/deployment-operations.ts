import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import type { DestroyFlags } from '../deployment/run-destroy.ts';
import type { DiagnoseFlags } from '../deployment/run-diagnose.ts';
import type { OperationFlags } from '../deployment/run-operation.ts';
import type { RollbackFlags } from '../deployment/run-rollback.ts';
import type { RotateKeyFlags } from '../deployment/run-rotate-key.ts';
import type { UpgradeKubernetesFlags, UpgradeOperatorFlags } from '../deployment/run-upgrade.ts';
import { homeFlag, jsonFlag, optionalTextFlag, switchFlag, targetFlag } from './flags.ts';
import { lazily } from './lazily.ts';

const time = (brief: string) =>
  ({ kind: 'parsed', parse: duration, brief, placeholder: 'TIME', optional: true }) as const;

function duration(value: string): string {
  if (!/^\d{1,6}(s|m|h)$/.test(value)) throw new SyntaxError(`"${value}" is not a duration such as 90s, 15m or 24h`);
  return value;
}

const cloudFlags = {
  file: {
    kind: 'parsed',
    parse: String,
    brief: 'Configuration of the deployment',
    placeholder: 'FILE',
    default: 'holdfast.yaml',
  },
  target: targetFlag,
  home: { ...homeFlag, brief: 'Folder of receipts and stored releases, and of the local cloud (./.holdfast)' },
  json: jsonFlag,
} as const;

const operationFlags = { ...cloudFlags, yes: switchFlag('Do not ask') } as const;

const codes =
  'Exit codes: 0 done, 1 failed, 5 interrupted, 6 not confirmed, 7 something took longer than it may. An interrupted run goes on ' +
  'where it stopped when the same command is run again.';

const upgradeOperatorCommand: Command<CliContext> = buildCommand<UpgradeOperatorFlags, [], CliContext>({
  loader: lazily(async () => {
    const { runUpgradeOperator } = await import('../deployment/run-upgrade.ts');
    return (context: CliContext, flags: UpgradeOperatorFlags) => runUpgradeOperator(context, flags);
  }),
  parameters: {
    flags: {
      ...operationFlags,
      canary: time('How long the first pod of the new version must be ready before others follow (5m)'),
      observe: time('How long the new version is watched after it got the requests (10m)'),
      rollbackWindow: time('How long the version before is kept (operator.rollbackWindow)'),
      drainNow: switchFlag('Remove the version before as soon as the new one has been watched'),
      wait: switchFlag('Wait for the end of the rollback window and remove the version before'),
      skipInteg: switchFlag('Go to prod although no receipt says that the release ran in integ'),
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Replace the release of the operator, side by side',
    fullDescription:
      'Starts the release of the configuration with one pod beside the one that serves, then with all, points the Service at it, ' +
      `and takes that back when health fails for three minutes (exit code 1). ${codes}`,
  },
});

const upgradeVirtualNodeCommand: Command<CliContext> = buildCommand<OperationFlags, [], CliContext>({
  loader: lazily(async () => {
    const { runUpgradeVirtualNode } = await import('../deployment/run-upgrade.ts');
    return (context: CliContext, flags: OperationFlags) => runUpgradeVirtualNode(context, flags);
  }),
  parameters: { flags: operationFlags, aliases: { f: 'file' } },
  docs: {
    brief: 'Bring the virtual node to the version that is built in',
    fullDescription: `The pods of the operator stay; nodes without a pod are removed. Before Kubernetes itself, never together. ${codes}`,
  },
});

const upgradeKubernetesCommand: Command<CliContext> = buildCommand<UpgradeKubernetesFlags, [], CliContext>({
  loader: lazily(async () => {
    const { runUpgradeKubernetes } = await import('../deployment/run-upgrade.ts');
    return (context: CliContext, flags: UpgradeKubernetesFlags) => runUpgradeKubernetes(context, flags);
  }),
  parameters: {
    flags: {
      ...operationFlags,
      to: optionalTextFlag('Minor version, such as 1.35; the next one when missing', 'VERSION'),
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Bring the cluster to the next minor version, then its pools',
    fullDescription: `No version is skipped, and none that the virtual node is not known to run on. ${codes}`,
  },
});

export const upgradeRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    operator: upgradeOperatorCommand,
    'virtual-node': upgradeVirtualNodeCommand,
    kubernetes: upgradeKubernetesCommand,
  },
  docs: { brief: 'Replace the operator, the virtual node or the version of Kubernetes' },
});

const rollbackOperatorCommand: Command<CliContext> = buildCommand<RollbackFlags, [], CliContext>({
  loader: lazily(async () => {
    const { runRollback } = await import('../deployment/run-rollback.ts');
    return (context: CliContext, flags: RollbackFlags) => runRollback(context, flags);
  }),
  parameters: {
    flags: {
      ...operationFlags,
      to: optionalTextFlag(
        'Version to go back to, as it is named in the cluster: 5-58-0; the one before when missing',
        'SLOT',
      ),
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Give the requests back to the version before',
    fullDescription: `Seconds while that version still runs; otherwise it is brought up again from what the upgrade stored. ${codes}`,
  },
});

export const rollbackRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: { operator: rollbackOperatorCommand },
  docs: { brief: 'Take an upgrade back' },
});

export const rotateKeyCommand: Command<CliContext> = buildCommand<RotateKeyFlags, [], CliContext>({
  loader: lazily(async () => {
    const { runRotateKey } = await import('../deployment/run-rotate-key.ts');
    return (context: CliContext, flags: RotateKeyFlags) => runRotateKey(context, flags);
  }),
  parameters: {
    flags: {
      ...operationFlags,
      keyFile: optionalTextFlag('File that holds the new key', 'FILE'),
      keyEnv: optionalTextFlag('Environment variable that holds the new key', 'NAME'),
      finish: switchFlag('Disable the version of the secret before, once UID2 has revoked the old key'),
      rollback: switchFlag('Write the key before again'),
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Replace the operator key',
    fullDescription:
      'Writes the new key, restarts one pod, and the others when it is ready and attested. The key comes from where ' +
      `operator.keySource says, unless named otherwise; never from the command line itself. ${codes}`,
  },
});

export const destroyCommand: Command<CliContext> = buildCommand<DestroyFlags, [], CliContext>({
  loader: lazily(async () => {
    const { runDestroy } = await import('../deployment/run-destroy.ts');
    return (context: CliContext, flags: DestroyFlags) => runDestroy(context, flags);
  }),
  parameters: {
    flags: {
      ...operationFlags,
      keepVault: {
        kind: 'boolean',
        brief: 'Keep the vault with its secrets (default)',
        default: true,
      },
      purge: switchFlag('Delete the vault and purge it, so that its name is free at once'),
      removePool: switchFlag('Remove the node pool from an adopted cluster as well'),
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Remove a deployment',
    fullDescription:
      'Removes what the deployment made, in the order in which it can go, and never what it adopted. The vault is kept, and ' +
      `with it the group; --no-keep-vault deletes it softly. ${codes}`,
  },
});

export const diagnoseCommand: Command<CliContext> = buildCommand<DiagnoseFlags, [string?], CliContext>({
  loader: lazily(async () => {
    const { runDiagnose } = await import('../deployment/run-diagnose.ts');
    return (context: CliContext, flags: DiagnoseFlags, pod?: string) => runDiagnose(context, flags, pod);
  }),
  parameters: {
    flags: {
      ...cloudFlags,
      namespace: optionalTextFlag('Namespace of the pod; that of the deployment when missing', 'NAME'),
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { parse: String, brief: 'Pod; all of the operator when missing', placeholder: 'POD', optional: true },
      ],
    },
    aliases: { f: 'file' },
  },
  docs: {
    brief: 'Say why a pod fails, and what to do',
    fullDescription:
      'Reads the pod, its events and its logs, and changes nothing. Exit codes: 0 all pods are well, 8 one is not, 9 there is none.',
  },
});
