import { destroy, planDestroy } from '@holdfast/deployment';
import type { DestroyOptions, DestroyPlan, DestroyResult } from '@holdfast/deployment';

import type { CliContext } from '../context.ts';
import { confirmRun } from './confirm.ts';
import type { Connect } from './open-deployment.ts';
import { onDeployment, report } from './run-operation.ts';
import type { OperationFlags } from './run-operation.ts';

export interface DestroyFlags extends OperationFlags {
  readonly keepVault: boolean;
  readonly purge: boolean;
  readonly removePool: boolean;
}

/** `holdfast destroy`: removes what was made, and never what was there before. */
export async function runDestroy(context: CliContext, flags: DestroyFlags, connect?: Connect): Promise<void> {
  const options: DestroyOptions = { keepVault: flags.keepVault, purge: flags.purge, removePool: flags.removePool };
  const work: Parameters<typeof onDeployment>[2] = async (opened) => {
    if (!flags.yes) {
      const plan = await planDestroy(opened.run, options);
      await confirmRun(context.io, opened.run, question(plan), false);
    }
    const result = await destroy(opened.run, options);
    report(context, flags.json, sentence(result), result, result.openWork);
  };
  await onDeployment(context, flags, work, connect);
}

function question({ steps, forgotten }: DestroyPlan): string {
  const lines = steps.flatMap(({ node, action, why }) => {
    if (action === 'absent') return [];
    return [`  ${action.padEnd(8)} ${node.id.padEnd(11)} ${node.name}${action === 'remove' ? '' : `: ${why}`}`];
  });
  return ['holdfast destroy:', ...lines, ...forgotten.map((id) => `  not known any more, left alone: ${id}`)].join(
    '\n',
  );
}

function sentence({ outcome, removed, restored, kept }: DestroyResult): string {
  const lines = [
    outcome === 'already'
      ? 'There was nothing left to remove.'
      : `${removed.length} things removed, ${restored.length} restored.`,
    ...kept.map(({ id, why }) => `Kept: ${id.split('/').at(-1)}: ${why}.`),
  ];
  return lines.join('\n');
}
