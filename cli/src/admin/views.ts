import { randomBytes } from 'node:crypto';

import { withCloudKeys } from '@holdfast/uid2/administration';

import type { WorldFlags } from '../commands/uid2-admin/flags.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { writeViews } from './derived-views.ts';
import { openBucket } from './open-bucket.ts';
import { whileLocked } from './world-lock.ts';
import { loadWorld, publishWorld } from './world-repository.ts';

/** `holdfast uid2 view refresh`. */
export async function runViewRefresh({ io }: CliContext, flags: WorldFlags): Promise<void> {
  const bucket = openBucket(flags, io);
  const written = await whileLocked(bucket, async () => {
    const now = Date.now();
    const loaded = await loadWorld(bucket);
    // Views are encrypted with the keys of their sites, so each site with an operator needs one.
    await publishWorld(bucket, loaded, withCloudKeys(loaded.world, { now, randomBytes }), now);
    return writeViews(bucket.objects, now);
  });
  if (flags.json) writeJson(io, { version: 1, written });
  else io.stdout.write(written.map((path) => `${path}\n`).join(''));
}
