import type { CreateKeyFlags } from '../commands/key.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { connectVault } from './connection.ts';
import { readPolicyFlags } from './release-policy-input.ts';
import { jsonKey, writeKey } from './show-key.ts';
import { writeKeyFiles } from './write-files.ts';

const RSA_BITS = 3072;
const RSA_OPERATIONS = ['wrapKey', 'unwrapKey', 'encrypt', 'decrypt'];

/** `holdfast key create`: a key made by the vault. */
export async function runCreate(context: CliContext, flags: CreateKeyFlags, name: string): Promise<void> {
  const { io } = context;
  const policy = await readPolicyFlags(flags, io);
  const isRsa = flags.kind.startsWith('RSA');
  const size = flags.size ?? (isRsa ? RSA_BITS : undefined);
  const operations = flags.operations ?? (isRsa ? RSA_OPERATIONS : undefined);
  const { keys, vaultUrl } = await connectVault(flags, io);
  const key = await keys.create(name, {
    kind: flags.kind,
    ...(size === undefined ? {} : { sizeBits: size }),
    ...(flags.curve === undefined ? {} : { curve: flags.curve }),
    ...(operations === undefined ? {} : { operations }),
    ...(policy === undefined ? {} : { releasePolicy: { policy, immutable: flags.immutable } }),
  });
  if (flags.files !== undefined) {
    await writeKeyFiles({ io, folder: flags.files, key, vaultUrl, attestation: flags.attestation });
  }
  if (flags.json) writeJson(io, { version: 1, key: jsonKey(key) });
  else writeKey(io, key);
}
