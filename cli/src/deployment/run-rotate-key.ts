import { resolve } from 'node:path';

import { RequestError, Secret } from '@holdfast/base';
import { rotateKey, withOperation } from '@holdfast/deployment';
import type { RotateOptions, RotateResult } from '@holdfast/deployment';

import type { CliContext, CliIo } from '../context.ts';
import { confirmRun } from './confirm.ts';
import type { Connect, OpenDeployment } from './open-deployment.ts';
import { readKeyFile, readOperatorKey } from './operator-key.ts';
import { onDeployment, operatorConfig, report } from './run-operation.ts';
import type { OperationFlags } from './run-operation.ts';

export interface RotateKeyFlags extends OperationFlags {
  readonly keyFile?: string;
  readonly keyEnv?: string;
  readonly finish: boolean;
  readonly rollback: boolean;
}

/** `holdfast rotate-key`: a new operator key, the end of the old one with `--finish`, or the old one again with `--rollback`. */
export async function runRotateKey(context: CliContext, flags: RotateKeyFlags, connect?: Connect): Promise<void> {
  if (flags.finish && flags.rollback) {
    throw new RequestError('ROTATE_OPTIONS_CONFLICT', '--finish and --rollback exclude each other', {
      action: 'Give one of them.',
    });
  }
  const work: Parameters<typeof onDeployment>[2] = async (opened) => {
    const config = operatorConfig(opened, 'holdfast rotate-key');
    const options = await optionsOf(context.io, opened, flags);
    await confirmRun(context.io, opened.run, questions[options.do], flags.yes);
    const result = await withOperation(opened.run, (operation) => rotateKey(operation, config, options));
    report(context, flags.json, sentences[result.outcome], result, result.openWork);
  };
  await onDeployment(context, flags, work, connect);
}

const questions: Readonly<Record<RotateOptions['do'], string>> = {
  rotate: 'holdfast rotate-key writes a new operator key and restarts the pods one by one:',
  finish: 'holdfast rotate-key --finish disables the version of the secret before the current one:',
  rollback: 'holdfast rotate-key --rollback writes the operator key before again and restarts the pods one by one:',
};

const sentences: Readonly<Record<RotateResult['outcome'], string>> = {
  already: 'The vault holds this key already, and nothing was restarted.',
  rotated: 'All pods run with the new key.',
  finished: 'The rotation is finished.',
  'rolled-back': 'All pods run with the key before.',
};

async function optionsOf(io: CliIo, opened: OpenDeployment, flags: RotateKeyFlags): Promise<RotateOptions> {
  if (flags.finish) return { do: 'finish' };
  if (flags.rollback) return { do: 'rollback' };
  const key = await newKey(io, opened, flags);
  if (key === undefined) {
    throw new RequestError('OPERATOR_KEY_MISSING', 'there is no new operator key', {
      action: 'Give it on standard input with --yes, or name a file with --key-file or a variable with --key-env.',
    });
  }
  return { do: 'rotate', key };
}

async function newKey(io: CliIo, { run, loaded }: OpenDeployment, flags: RotateKeyFlags): Promise<Secret | undefined> {
  if (flags.keyFile !== undefined) return readKeyFile(resolve(io.cwd, flags.keyFile));
  if (flags.keyEnv === undefined) return readOperatorKey(io, run.config, loaded.folder);
  const key = io.env[flags.keyEnv] ?? '';
  return key === '' ? undefined : new Secret(key);
}
