import type { KeysetKey } from '@holdfast/uid2';
import { activeKeyOf, addKey, DEFAULT_KEY_SCHEDULE, expireKey, rotateKeys } from '@holdfast/uid2/administration';
import type { KeySchedule, KeySelection } from '@holdfast/uid2/administration';

import type { ChangeFlags } from '../commands/uid2-admin/flags.ts';
import type { KeyListFlags, KeyRotateFlags, KeyScheduleFlags } from '../commands/uid2-admin/key.ts';
import type { CliContext } from '../context.ts';
import { runChange } from './run-change.ts';
import { runList, shownRecord } from './run-list.ts';
import { timeText } from './table.ts';

export function runKeyRotate(context: CliContext, flags: KeyRotateFlags, selection: KeySelection): Promise<void> {
  const { minAge, force, dropExpired } = flags;
  return runChange(
    context,
    flags,
    (world, administration) =>
      rotateKeys(world, selection, { ...schedule(flags), minAgeSeconds: minAge, force, dropExpired }, administration),
    ({ added, skipped, droppedKeyIds }) => ({
      json: { added: added.map(keyJson), skipped, droppedKeyIds },
      text: [
        ...added.map(
          (key) => `keyset ${key.keysetId}: key ${key.id} takes over at ${timeText(key.activatesSeconds)}\n`,
        ),
        ...skipped.map(
          ({ keysetId, newestActivatesSeconds }) =>
            `keyset ${keysetId}: left alone, its newest key takes over at ${timeText(newestActivatesSeconds)}\n`,
        ),
        ...(droppedKeyIds.length === 0 ? [] : [`dropped ${droppedKeyIds.join(', ')}\n`]),
      ].join(''),
    }),
  );
}

export function runKeyAdd(context: CliContext, flags: KeyScheduleFlags, keysetId: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) => addKey(world, keysetId, schedule(flags), administration),
    (key) =>
      shownRecord('key', keyJson(key), `keyset ${keysetId}: key ${key.id} from ${timeText(key.activatesSeconds)}`),
  );
}

export function runKeyExpire(context: CliContext, flags: ChangeFlags, keyId: number): Promise<void> {
  return runChange(
    context,
    flags,
    (world, administration) => expireKey(world, keyId, administration),
    (key) => shownRecord('key', keyJson(key), `key ${key.id} of keyset ${key.keysetId} expired`),
  );
}

export function runKeyList(context: CliContext, flags: KeyListFlags): Promise<void> {
  return runList<KeysetKey>(context, flags, (world, now) => {
    const active = new Set(world.keysets.map(({ id }) => activeKeyOf(world, id, now)?.id));
    const state = (key: KeysetKey): string => {
      if (active.has(key.id)) return 'active';
      if (key.activatesSeconds * 1000 > now) return 'future';
      return key.expiresSeconds * 1000 <= now ? 'expired' : 'superseded';
    };
    return {
      name: 'keys',
      records: world.keysetKeys.filter(({ keysetId }) => flags.keyset === undefined || keysetId === flags.keyset),
      headings: ['ID', 'KEYSET', 'STATE', 'CREATED', 'ACTIVATES', 'EXPIRES'],
      row: (key) => [
        key.id,
        key.keysetId,
        state(key),
        timeText(key.createdSeconds),
        timeText(key.activatesSeconds),
        timeText(key.expiresSeconds),
      ],
      json: (key) => ({ ...keyJson(key), state: state(key) }),
    };
  });
}

/** A key without its secret. */
export function keyJson(key: KeysetKey): Readonly<Record<string, unknown>> {
  const { id, keysetId, createdSeconds, activatesSeconds, expiresSeconds } = key;
  return { id, keysetId, created: createdSeconds, activates: activatesSeconds, expires: expiresSeconds };
}

function schedule(flags: KeyScheduleFlags): KeySchedule {
  return {
    activatesInSeconds: flags.activatesIn ?? DEFAULT_KEY_SCHEDULE.activatesInSeconds,
    lifetimeSeconds: flags.expiresAfter ?? DEFAULT_KEY_SCHEDULE.lifetimeSeconds,
  };
}
