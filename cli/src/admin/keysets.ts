import type { Keyset } from '@holdfast/uid2';
import { activeKeyOf, createKeyset, findSite, setKeysetEnabled, updateKeyset } from '@holdfast/uid2/administration';
import type { ChangedKeyset } from '@holdfast/uid2/administration';

import type { SiteFilterFlags } from '../commands/uid2-admin/client.ts';
import type { ChangeFlags } from '../commands/uid2-admin/flags.ts';
import type { KeysetCreateFlags, KeysetFieldFlags } from '../commands/uid2-admin/keyset.ts';
import type { CliContext } from '../context.ts';
import { keyJson } from './keys.ts';
import { runChange } from './run-change.ts';
import type { Shown } from './run-change.ts';
import { runList, shownRecord, stateText } from './run-list.ts';

export function runKeysetCreate(context: CliContext, flags: KeysetCreateFlags): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) => {
      const { name: siteName } = findSite(world, flags.site);
      const fields = { name: flags.name ?? `${siteName} keyset`, allowedSites: readersOf(flags.allow ?? []) };
      return createKeyset(world, flags.site, fields, administration);
    },
    (changed) => shownKeyset(changed, 'created'),
  );
}

export function runKeysetUpdate(context: CliContext, flags: KeysetFieldFlags, id: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) =>
      updateKeyset(
        world,
        id,
        {
          ...(flags.name === undefined ? {} : { name: flags.name }),
          ...(flags.allow === undefined ? {} : { allowedSites: readersOf(flags.allow) }),
        },
        administration,
      ),
    (changed) => shownKeyset(changed, 'updated'),
  );
}

export function runKeysetDisable(context: CliContext, flags: ChangeFlags, id: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setKeysetEnabled(world, id, false),
    (keyset) => shownRecord('keyset', keysetJson(keyset), `keyset ${id} (${keyset.name}) disabled`),
  );
}

export function runKeysetEnable(context: CliContext, flags: ChangeFlags, id: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world) => setKeysetEnabled(world, id, true),
    (keyset) => shownRecord('keyset', keysetJson(keyset), `keyset ${id} (${keyset.name}) enabled`),
  );
}

export function runKeysetList(context: CliContext, flags: SiteFilterFlags): Promise<void> {
  return runList<Keyset>(context, flags, (world, now) => ({
    name: 'keysets',
    records: world.keysets.filter(({ siteId }) => flags.site === undefined || siteId === flags.site),
    headings: ['ID', 'SITE', 'NAME', 'STATE', 'DEFAULT', 'READERS', 'KEYS', 'ACTIVE KEY'],
    row: (keyset) => [
      keyset.id,
      keyset.siteId,
      keyset.name,
      stateText(!keyset.enabled),
      keyset.isDefault ? 'yes' : 'no',
      readersText(keyset),
      world.keysetKeys.filter(({ keysetId }) => keysetId === keyset.id).length,
      activeKeyOf(world, keyset.id, now)?.id ?? 'none',
    ],
    json: (keyset) => ({ ...keysetJson(keyset), activeKeyId: activeKeyOf(world, keyset.id, now)?.id ?? null }),
  }));
}

function shownKeyset({ keyset, key }: ChangedKeyset, what: string): Shown {
  return {
    json: { keyset: keysetJson(keyset), key: keyJson(key) },
    text: `keyset ${keyset.id} of site ${keyset.siteId} ${what}: readable by ${readersText(keyset)}, new key ${key.id}\n`,
  };
}

function readersOf(allow: readonly number[] | 'readers'): readonly number[] | undefined {
  return allow === 'readers' ? undefined : allow;
}

function readersText({ allowedSites }: Keyset): string {
  if (allowedSites === undefined) return 'readers';
  return allowedSites.size === 0 ? 'nobody' : [...allowedSites].join(',');
}

function keysetJson(keyset: Keyset): Readonly<Record<string, unknown>> {
  const { id, siteId, name, allowedSites, createdSeconds, enabled, isDefault } = keyset;
  return {
    id,
    siteId,
    name,
    allowedSites: allowedSites === undefined ? null : [...allowedSites],
    created: createdSeconds,
    enabled,
    default: isDefault,
  };
}
