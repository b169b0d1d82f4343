import { readFile } from 'node:fs/promises';

import { homeLayout } from '@holdfast/local/home';
import type { EnclaveRecord } from '@holdfast/uid2';
import { addEnclave, removeEnclave } from '@holdfast/uid2/administration';

import type { EnclaveAddFlags } from '../commands/uid2-admin/enclave.ts';
import type { ChangeFlags, WorldFlags } from '../commands/uid2-admin/flags.ts';
import type { CliContext } from '../context.ts';
import { homeFolder } from '../home-folder.ts';
import { runChange } from './run-change.ts';
import { runList, shownRecord } from './run-list.ts';
import { timeText } from './table.ts';

export function runEnclaveAdd(
  context: CliContext,
  flags: EnclaveAddFlags,
  name: string,
  identifier: string,
): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) => addEnclave(world, { name, protocol: flags.protocol, identifier }, administration),
    (enclave) => shownRecord('enclave', enclaveJson(enclave), `enclave ${enclave.name} registered`),
  );
}

export async function runEnclaveRemove(context: CliContext, flags: ChangeFlags, name: string): Promise<void> {
  const running = await runningEnclaveId(context, flags);
  await runChange(
    context,
    flags,
    (world) => removeEnclave(world, name, running),
    (enclave) => shownRecord('enclave', enclaveJson(enclave), `enclave ${enclave.name} removed`),
  );
}

export function runEnclaveList(context: CliContext, flags: WorldFlags): Promise<void> {
  return runList<EnclaveRecord>(context, flags, (world) => ({
    name: 'enclaves',
    records: world.enclaves,
    headings: ['NAME', 'PROTOCOL', 'IDENTIFIER', 'CREATED'],
    row: ({ name, protocol, identifier, created }) => [name, protocol, identifier, timeText(created)],
    json: enclaveJson,
  }));
}

function enclaveJson({ name, protocol, identifier, created }: EnclaveRecord): Readonly<Record<string, unknown>> {
  return { name, protocol, identifier, created };
}

/** What the operator of the local cloud measures as, while it runs and the command is about its world. */
async function runningEnclaveId({ io }: CliContext, flags: WorldFlags): Promise<string | undefined> {
  if (flags.world !== undefined) return undefined;
  try {
    const { readyFile } = homeLayout(homeFolder(io, flags.home));
    const { enclaveId } = JSON.parse(await readFile(readyFile, 'utf8')) as { enclaveId?: unknown };
    return typeof enclaveId === 'string' ? enclaveId : undefined;
  } catch {
    return undefined; // no cloud runs there
  }
}
