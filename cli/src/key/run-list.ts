import type { VaultFlags } from '../commands/key.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { connectVault } from './connection.ts';

/** `holdfast key list`: name, kind, and what may be done with each key. */
export async function runList(context: CliContext, flags: VaultFlags): Promise<void> {
  const { io } = context;
  const { keys, vaultUrl } = await connectVault(flags, io);
  const all = await keys.list();
  if (flags.json) {
    const shown = all.map(({ name, version, kind, enabled, exportable }) => ({
      name,
      version,
      kind,
      enabled,
      exportable,
    }));
    writeJson(io, { version: 1, vaultUrl, keys: shown });
    return;
  }
  for (const { name, kind, enabled, exportable } of all) {
    io.stdout.write(`${name}\t${kind}\t${enabled ? 'enabled' : 'disabled'}\t${exportable ? 'exportable' : '-'}\n`);
  }
  if (all.length === 0) io.stderr.write(`there are no keys in ${vaultUrl}\n`);
}
