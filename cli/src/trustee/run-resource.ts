import { RequestError } from '@holdfast/base';

import type { BrokerFlags } from '../commands/trustee.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { readInput, withBroker } from './broker-connection.ts';

const SEGMENT = '[A-Za-z0-9_-]+[A-Za-z0-9_.-]*';
const RESOURCE_PATH = new RegExp(`^${SEGMENT}/${SEGMENT}/${SEGMENT}$`);

/** `holdfast trustee resource set PATH FILE` */
export async function runSetResource(
  { io }: CliContext,
  flags: BrokerFlags,
  path: string,
  file: string,
): Promise<void> {
  checkPath(path);
  const content = await readInput(io, file);
  await withBroker(flags, io, (broker) => broker.send('POST', `resource/${path}`, content));
  if (flags.json) writeJson(io, { version: 1, resource: path, bytes: content.length });
  else io.stderr.write(`stored ${content.length} bytes as kbs:///${path}\n`);
}

/** `holdfast trustee resource delete PATH` */
export async function runDeleteResource({ io }: CliContext, flags: BrokerFlags, path: string): Promise<void> {
  checkPath(path);
  await withBroker(flags, io, (broker) => broker.send('DELETE', `resource/${path}`));
  if (flags.json) writeJson(io, { version: 1, resource: path, removed: true });
  else io.stderr.write(`removed kbs:///${path}\n`);
}

function checkPath(path: string): void {
  if (RESOURCE_PATH.test(path)) return;
  throw new RequestError('TRUSTEE_PATH_INVALID', `"${path}" is no path of a resource`, {
    action: 'Give it as repository/type/tag, of letters, digits, "_", "-" and, not at the beginning, ".".',
  });
}
