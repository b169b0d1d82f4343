import { resolve } from 'node:path';

import { PolicyError, RequestError } from '@holdfast/base';

import type { KeyPolicyFlags } from '../commands/key.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { connectVault } from './connection.ts';
import { readPolicyFile } from './release-policy-input.ts';
import { jsonKey, prettyPolicy } from './show-key.ts';

/** `holdfast key policy`: the release policy of a key, read or set. */
export async function runPolicy(context: CliContext, flags: KeyPolicyFlags, name: string): Promise<void> {
  const { io } = context;
  if (flags.immutable && flags.set === undefined) {
    throw new RequestError('KEY_OPTIONS_CONFLICT', '--immutable goes with --set', {
      action: 'See holdfast key policy --help.',
    });
  }
  const policy = flags.set === undefined ? undefined : await readPolicyFile(resolve(io.cwd, flags.set));
  const { keys } = await connectVault(flags, io);
  const key = policy === undefined ? await keys.get(name) : await keys.setReleasePolicy(name, policy, flags.immutable);
  if (key.releasePolicy === null) {
    throw new PolicyError('KEY_NOT_EXPORTABLE', `the key ${name} has no release policy: it is never released`, {
      action: 'Create or import a key with --policy or --attestation; an existing key cannot become exportable.',
    });
  }
  if (flags.json) writeJson(io, { version: 1, releasePolicy: jsonKey(key)['releasePolicy'] });
  else io.stdout.write(`${prettyPolicy(key.releasePolicy.policy)}\n`);
}
