import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { SaltMaterial } from '@holdfast/uid2/administration';

import type { CliContext } from '../../context.ts';
import { switchFlag } from '../flags.ts';
import { lazily } from '../lazily.ts';
import { changeFlags, worldFlags } from './flags.ts';
import type { ChangeFlags, WorldFlags } from './flags.ts';
import { fraction, utcDate } from './parsers.ts';

export interface SaltRotateFlags extends ChangeFlags {
  readonly fraction: number;
  readonly date?: number;
  readonly material: SaltMaterial;
  readonly dryRun: boolean;
}

const runs = () => import('../../admin/salts.ts');

export const saltRoutes: RouteMap<CliContext> = buildRouteMap({
  routes: {
    status: buildCommand<WorldFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runSaltStatus),
      parameters: { flags: worldFlags },
      docs: { brief: 'Show the snapshots, the ages of their salts, and when those may rotate' },
    }),
    rotate: buildCommand<SaltRotateFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runSaltRotate),
      parameters: {
        flags: {
          fraction: {
            kind: 'parsed',
            parse: fraction,
            brief: 'Part of all salts to rotate: 0.01, 1%, 1/365',
            placeholder: 'PART',
            default: '1/365',
          },
          date: {
            kind: 'parsed',
            parse: utcDate,
            brief: 'UTC day on which the new snapshot takes effect, yyyy-MM-dd (tomorrow)',
            placeholder: 'DATE',
            optional: true,
          },
          material: {
            kind: 'enum',
            values: ['salt', 'key'],
            brief: 'What rotated buckets get: a salt, or a key for raw UIDs of version 4',
            default: 'salt',
          },
          dryRun: switchFlag('Show ages and the plan, change nothing'),
          ...changeFlags,
        },
      },
      docs: {
        brief: 'Make the next salt snapshot',
        fullDescription:
          'A bucket may rotate only on the day its refresh-from says. Of those, the oldest ones rotate, at random, at most four ' +
          'fifths from one window of ages. Old salts stay as previous ones for 90 days. The snapshot serves seven days from its date.',
      },
    }),
    rebuild: buildCommand<ChangeFlags, [], CliContext>({
      loader: lazily(async () => (await runs()).runSaltRebuild),
      parameters: { flags: changeFlags },
      docs: { brief: 'Publish the current salts anew, effective now, rotating none' },
    }),
  },
  docs: { brief: 'Salts of raw UIDs' },
});
