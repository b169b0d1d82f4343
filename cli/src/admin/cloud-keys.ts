import type { CloudEncryptionKey } from '@holdfast/uid2';
import { rotateCloudKeys } from '@holdfast/uid2/administration';

import type { SiteFilterFlags } from '../commands/uid2-admin/client.ts';
import type { ChangeFlags } from '../commands/uid2-admin/flags.ts';
import type { CliContext } from '../context.ts';
import { runChange } from './run-change.ts';
import { runList } from './run-list.ts';
import { timeText } from './table.ts';

export function runCloudKeyRotate(context: CliContext, flags: ChangeFlags): Promise<void> {
  return runChange(context, flags, rotateCloudKeys, ({ added, removed }) => ({
    json: { added: added.map(cloudKeyJson), removedKeyIds: removed.map(({ id }) => id) },
    text: [
      ...added.map((key) => `site ${key.siteId}: key ${key.id} takes over at ${timeText(key.activates)}\n`),
      ...removed.map((key) => `site ${key.siteId}: key ${key.id} removed\n`),
    ].join(''),
  }));
}

export function runCloudKeyList(context: CliContext, flags: SiteFilterFlags): Promise<void> {
  return runList<CloudEncryptionKey>(context, flags, (world) => ({
    name: 'cloudKeys',
    records: world.cloudEncryptionKeys.filter(({ siteId }) => flags.site === undefined || siteId === flags.site),
    headings: ['ID', 'SITE', 'CREATED', 'ACTIVATES'],
    row: ({ id, siteId, created, activates }) => [id, siteId, timeText(created), timeText(activates)],
    json: cloudKeyJson,
  }));
}

/** A cloud encryption key without its secret. */
function cloudKeyJson({ id, siteId, created, activates }: CloudEncryptionKey): Readonly<Record<string, unknown>> {
  return { id, siteId, created, activates };
}
