import type { ShowKeyFlags } from '../commands/key.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { connectVault } from './connection.ts';
import { jsonKey, writeKey } from './show-key.ts';

/** `holdfast key show`: everything public about a key. */
export async function runShow(context: CliContext, flags: ShowKeyFlags, name: string): Promise<void> {
  const { io } = context;
  const { keys } = await connectVault(flags, io);
  const key = await keys.get(name, flags.version);
  const versions = await keys.versions(name);
  if (flags.json) {
    writeJson(io, { version: 1, key: jsonKey(key), versions });
    return;
  }
  writeKey(io, key);
  io.stdout.write('versions\n');
  for (const { version, enabled, created } of versions) {
    io.stdout.write(`  ${version} ${created ?? ''}${enabled ? '' : ' disabled'}\n`);
  }
}
