import { RequestError } from '@holdfast/base';
import type { IdentityInput } from '@holdfast/local/uid2-client';

import type { TokenFlags } from '../commands/uid2.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { connect } from './connection.ts';

/** `holdfast uid2 token`: one advertising token. */
export async function runToken(context: CliContext, flags: TokenFlags): Promise<void> {
  const identity = chosenIdentity(flags);
  const client = await connect(flags, context.io);
  try {
    const outcome = await client.generateToken(identity);
    if (flags.json) writeJson(context.io, { version: 1, ...outcome });
    if (outcome.status === 'optout') {
      if (!flags.json) context.io.stderr.write('this identity has opted out: there is no token for it\n');
      context.setExitCode(EXIT_FAILED);
      return;
    }
    if (flags.json) return;
    const { advertisingToken, identityExpiresMs } = outcome.identity;
    context.io.stdout.write(`${advertisingToken}\n`);
    context.io.stderr.write(`valid until ${new Date(identityExpiresMs).toISOString()}\n`);
  } finally {
    await client.close();
  }
}

function chosenIdentity(flags: TokenFlags): IdentityInput {
  const given: IdentityInput[] = [];
  if (flags.email !== undefined) given.push({ kind: 'email', value: flags.email });
  if (flags.emailHash !== undefined) given.push({ kind: 'email_hash', value: flags.emailHash });
  if (flags.phone !== undefined) given.push({ kind: 'phone', value: flags.phone });
  if (flags.phoneHash !== undefined) given.push({ kind: 'phone_hash', value: flags.phoneHash });
  const [identity] = given;
  if (identity !== undefined && given.length === 1) return identity;
  throw new RequestError('INPUT_MISSING', `${given.length} identities were given and a token is for exactly one`, {
    action: 'Give one of --email, --email-hash, --phone and --phone-hash.',
  });
}
