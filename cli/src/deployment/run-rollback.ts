import { rollbackOperator, withOperation } from '@holdfast/deployment';

import type { CliContext } from '../context.ts';
import { confirmRun } from './confirm.ts';
import type { Connect } from './open-deployment.ts';
import { onDeployment, operatorConfig, report } from './run-operation.ts';
import type { OperationFlags } from './run-operation.ts';

export interface RollbackFlags extends OperationFlags {
  readonly to?: string;
}

/** `holdfast rollback operator`: the version before gets the requests again. */
export async function runRollback(context: CliContext, flags: RollbackFlags, connect?: Connect): Promise<void> {
  const work: Parameters<typeof onDeployment>[2] = async (opened) => {
    const config = operatorConfig(opened, 'holdfast rollback operator');
    const what = `holdfast rollback operator gives the requests to ${flags.to ?? 'the version before'}:`;
    await confirmRun(context.io, opened.run, what, flags.yes);
    const options = flags.to === undefined ? {} : { to: flags.to };
    const result = await withOperation(opened.run, (operation) => rollbackOperator(operation, config, options));
    const { outcome, slot } = result;
    const sentence =
      outcome === 'already'
        ? `${slot} serves already; name another version with --to.`
        : `${slot} serves again. Set operator.bundle to its release before the next holdfast apply.`;
    report(context, flags.json, sentence, result);
  };
  await onDeployment(context, flags, work, connect);
}
