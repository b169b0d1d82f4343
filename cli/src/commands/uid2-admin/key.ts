import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { KeySelection } from '@holdfast/uid2/administration';

import type { CliContext } from '../../context.ts';
import { switchFlag, wholeNumber } from '../flags.ts';
import { lazily } from '../lazily.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags, WorldFlags } from './flags.ts';
import { duration, keysetId } from './parsers.ts';

export interface KeyScheduleFlags extends ChangeFlags {
  readonly activatesIn?: number;
  readonly expiresAfter?: number;
}

export interface KeyRotateFlags extends KeyScheduleFlags {
  readonly minAge: number;
  readonly force: boolean;
  readonly dropExpired: boolean;
}

export interface KeyListFlags extends WorldFlags {
  readonly keyset?: number;
}

const schedule = {
  activatesIn: {
    kind: 'parsed',
    parse: duration,
    brief: 'When the new key takes over: 90s, 30m, 1h, 1d (1d)',
    placeholder: 'TIME',
    optional: true,
  },
  expiresAfter: {
    kind: 'parsed',
    parse: duration,
    brief: 'How long after that it lives (30d)',
    placeholder: 'TIME',
    optional: true,
  },
} as const;

const runs = () => import('../../admin/keys.ts');

export const keyRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    rotate: buildCommand<KeyRotateFlags, [KeySelection], CliContext>({
      loader: lazily(async () => (await runs()).runKeyRotate),
      parameters: {
        flags: {
          minAge: {
            kind: 'parsed',
            parse: duration,
            brief: 'Leave keysets alone whose newest key took over later than this ago, or has yet to',
            placeholder: 'TIME',
            default: '0',
          },
          force: switchFlag('Rotate whatever the age of the newest key'),
          dropExpired: switchFlag('Remove keys that expired more than 37 days ago'),
          ...schedule,
          ...changeFlags,
        },
        positional: {
          kind: 'tuple',
          parameters: [
            {
              brief: 'master (with refresh), all-sites, site:N, or the id of a keyset',
              placeholder: 'WHICH',
              parse: keySelection,
            },
          ],
        },
      },
      docs: {
        brief: 'Give keysets a new key each; old tokens stay readable',
        fullDescription:
          'The new key is delivered at once and takes over after --activates-in, so that readers have it by then. Old keys stay.',
      },
    }),
    add: buildCommand<KeyScheduleFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runKeyAdd),
      parameters: {
        flags: { ...schedule, ...changeFlags },
        positional: {
          kind: 'tuple',
          parameters: [{ brief: 'Id of a keyset without keys', placeholder: 'KEYSET', parse: keysetId }],
        },
      },
      docs: { brief: 'Give a keyset its first key' },
    }),
    list: buildCommand<KeyListFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runKeyList),
      parameters: {
        flags: {
          keyset: {
            kind: 'parsed',
            parse: keysetId,
            brief: 'Only those of this keyset: an id, master or refresh',
            placeholder: 'KEYSET',
            optional: true,
          },
          ...worldFlags,
        },
      },
      docs: { brief: 'List keys and their times, never their secrets' },
    }),
    expire: buildCommand<ChangeFlags, [number], CliContext>({
      loader: lazily(async () => (await runs()).runKeyExpire),
      parameters: {
        flags: changeFlags,
        positional: {
          kind: 'tuple',
          parameters: [{ brief: 'Id of the key', placeholder: 'KEY', parse: wholeNumber }],
        },
      },
      docs: { brief: 'Make no new tokens with a key from now on; old ones stay readable' },
    }),
  },
  docs: { brief: 'Encryption keys of tokens' },
});

function keySelection(text: string): KeySelection {
  if (text === 'master') return { kind: 'master' };
  if (text === 'all-sites') return { kind: 'all-sites' };
  const site = /^site:(\d{1,9})$/.exec(text);
  if (site !== null) return { kind: 'site', siteId: Number(site[1]) };
  if (/^\d{1,9}$|^refresh$/.test(text)) return { kind: 'keyset', keysetId: keysetId(text) };
  throw new SyntaxError(`"${text}" is none of master, all-sites, site:N and the id of a keyset`);
}
