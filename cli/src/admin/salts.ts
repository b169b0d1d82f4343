import { randomBytes } from 'node:crypto';

import {
  planSaltRotation,
  rebuildSalts,
  rotateSalts,
  SALT_SNAPSHOT_LIFETIME_DAYS,
  saltAges,
  snapshotInUse,
  snapshotState,
  startOfUtcDay,
} from '@holdfast/uid2/administration';
import type { SaltRotationPlan } from '@holdfast/uid2/administration';
import type { SaltFileMetadata } from '@holdfast/uid2';

import type { ChangeFlags, WorldFlags } from '../commands/uid2-admin/flags.ts';
import type { SaltRotateFlags } from '../commands/uid2-admin/salt.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { confirm } from './confirm.ts';
import { refreshViews } from './derived-views.ts';
import { openBucket } from './open-bucket.ts';
import type { Bucket } from './bucket.ts';
import { needsConsent, tell, tellProblem } from './run-change.ts';
import { loadSalts, loadSaltTable, newestSnapshot, publishSnapshot, unlistedSaltFiles } from './salt-repository.ts';
import { renderFacts, renderTable } from './table.ts';
import { whileLocked } from './world-lock.ts';

const DAY_MS = 86_400_000;
/** How many days ahead `status` looks. */
const DAYS_AHEAD = 8;

const iso = (time: number): string => new Date(time).toISOString();

/** `holdfast uid2 salt status`. */
export async function runSaltStatus({ io }: CliContext, flags: WorldFlags): Promise<void> {
  const bucket = openBucket(flags, io);
  const now = Date.now();
  const salts = await loadSalts(bucket, now);
  const inUse = snapshotInUse(salts.snapshots, now);
  const newest = newestSnapshot(salts);
  const ages = saltAges(await loadSaltTable(bucket, salts, newest), now, DAYS_AHEAD);
  const unlisted = await unlistedSaltFiles(bucket, salts);
  const states = salts.snapshots.map((snapshot) => snapshotState(snapshot, salts.snapshots, now));
  if (flags.json) {
    writeJson(io, {
      version: 1,
      salts: {
        version: salts.metadata.version,
        snapshots: salts.snapshots.map((snapshot, index) => ({ ...snapshotJson(snapshot), state: states[index] })),
        inUse: inUse?.location ?? null,
        ages: ages.rows,
        oldestUpdate: ages.oldestUpdate,
        newestUpdate: ages.newestUpdate,
        withKey: ages.withKey,
        refreshable: ages.refreshableByDay,
        unlistedFiles: unlisted.map(({ path }) => path),
      },
    });
  } else {
    io.stdout.write(
      renderTable(
        ['EFFECTIVE', 'EXPIRES', 'STATE', 'SALTS', 'FILE'],
        salts.snapshots.map((snapshot, index) => [
          iso(snapshot.effective),
          iso(snapshot.expires),
          states[index] ?? '',
          snapshot.size,
          snapshot.location,
        ]),
      ),
    );
    io.stdout.write(`\nAges in the newest snapshot\n`);
    io.stdout.write(
      renderTable(
        ['DAYS', 'SALTS', 'WITH PREVIOUS'],
        ages.rows.map((row) => [`${row.fromDays}-${row.fromDays + 29}`, row.buckets, row.withPrevious]),
      ),
    );
    io.stdout.write('\nSalts that may rotate\n');
    io.stdout.write(
      renderTable(
        ['ON', 'SALTS'],
        ages.refreshableByDay.map(({ day, buckets }) => [iso(day).slice(0, 10), buckets]),
      ),
    );
  }
  if (inUse !== undefined && inUse.expires <= now) {
    tell(io, 'warning', [
      `The salts in use expired at ${iso(inUse.expires)}: operators shut down 12 hours after that.`,
    ]);
  }
  if (unlisted.length > 0) {
    tell(io, 'note', [`${unlisted.length} salt files are named by no metadata and may be removed.`]);
  }
}

/** `holdfast uid2 salt rotate`. */
export async function runSaltRotate(context: CliContext, flags: SaltRotateFlags): Promise<void> {
  const { io } = context;
  const bucket = openBucket(flags, io);
  if (flags.dryRun) {
    const { plan } = await planned(bucket, flags, Date.now());
    showPlan(io, plan, flags.json);
    if (plan.rotating.length === 0) {
      tell(io, 'note', ['all refreshable salts are below min rotation age: nothing would be rotated']);
      context.setExitCode(EXIT_FAILED);
    }
    return;
  }
  await withConsent(io, (accepted) =>
    whileLocked(bucket, async () => {
      const now = Date.now();
      const { salts, table, plan } = await planned(bucket, flags, now);
      const effective = plan.targetDate;
      const expires = effective + SALT_SNAPSHOT_LIFETIME_DAYS * DAY_MS;
      const consequences = expires <= now ? [alreadyExpired(expires)] : [];
      if (needsConsent(consequences, flags, accepted)) return consequences;
      const file = rotateSalts(table, plan, flags.material, randomBytes);
      const { version, snapshots } = await publishSnapshot(
        bucket,
        salts,
        { effective, expires, size: table.size, file },
        now,
      );
      const problem = await refreshViews(bucket.objects, now);
      showPublished(io, flags, { effective, expires, version, snapshots, rotated: plan.rotating.length });
      tellProblem(context, problem);
      return undefined;
    }),
  );
}

/** `holdfast uid2 salt rebuild`. */
export async function runSaltRebuild(context: CliContext, flags: ChangeFlags): Promise<void> {
  const { io } = context;
  const bucket = openBucket(flags, io);
  await whileLocked(bucket, async () => {
    const now = Date.now();
    const salts = await loadSalts(bucket, now);
    const table = await loadSaltTable(bucket, salts, snapshotInUse(salts.snapshots, now) ?? newestSnapshot(salts));
    const expires = now + SALT_SNAPSHOT_LIFETIME_DAYS * DAY_MS;
    const file = rebuildSalts(table, startOfUtcDay(now));
    const { version, snapshots } = await publishSnapshot(
      bucket,
      salts,
      { effective: now, expires, size: table.size, file },
      now,
    );
    const problem = await refreshViews(bucket.objects, now);
    showPublished(io, flags, { effective: now, expires, version, snapshots, rotated: 0 });
    tellProblem(context, problem);
  });
}

async function planned(bucket: Bucket, flags: SaltRotateFlags, now: number) {
  const salts = await loadSalts(bucket, now);
  const newest = newestSnapshot(salts);
  const table = await loadSaltTable(bucket, salts, newest);
  const plan = planSaltRotation(
    {
      table,
      newestEffective: newest.effective,
      fraction: flags.fraction,
      targetDate: flags.date ?? startOfUtcDay(now) + DAY_MS,
    },
    randomBytes,
  );
  return { salts, table, plan };
}

/** Runs `attempt`, asking as long as it answers consequences that nobody agreed to. */
async function withConsent(
  io: CliIo,
  attempt: (accepted: readonly string[] | undefined) => Promise<readonly string[] | undefined>,
): Promise<void> {
  let accepted: readonly string[] | undefined;
  for (;;) {
    const consequences = await attempt(accepted);
    if (consequences === undefined) return;
    await confirm(io, consequences);
    accepted = consequences;
  }
}

function alreadyExpired(expires: number): string {
  return `The new snapshot expires at ${iso(expires)}, which has passed: operators that load it shut down 12 hours later.`;
}

function showPlan(io: CliIo, plan: SaltRotationPlan, json: boolean): void {
  const { targetDate, wanted, windowLimit, windows, refreshable, rotating } = plan;
  if (json) {
    writeJson(io, {
      version: 1,
      plan: { targetDate, wanted, windowLimit, refreshable, rotating: rotating.length, windows },
    });
    return;
  }
  io.stdout.write(
    renderFacts([
      ['takes effect', iso(targetDate)],
      ['wanted', wanted],
      ['at most per window', windowLimit],
      ['refreshable that day', refreshable],
      ['would rotate', rotating.length],
    ]),
  );
  const age = (time: number): number => (targetDate - time) / DAY_MS;
  io.stdout.write('\n');
  io.stdout.write(
    renderTable(
      ['AGE IN DAYS', 'SALTS', 'REFRESHABLE', 'ROTATE'],
      windows.map(({ from, until, buckets, refreshable, rotating }) => [
        from === 0 ? `over ${age(until)}` : `${age(until)}-${age(from)}`,
        buckets,
        refreshable,
        rotating,
      ]),
    ),
  );
}

function showPublished(
  io: CliIo,
  flags: ChangeFlags,
  published: {
    readonly effective: number;
    readonly expires: number;
    readonly version: number;
    readonly snapshots: readonly SaltFileMetadata[];
    readonly rotated: number;
  },
): void {
  const { effective, expires, version, snapshots, rotated } = published;
  if (flags.json) {
    writeJson(io, {
      version: 1,
      salts: { version, effective, expires, rotated, snapshots: snapshots.map(snapshotJson) },
    });
  } else {
    io.stdout.write(
      renderFacts([
        ['takes effect', iso(effective)],
        ['expires', iso(expires)],
        ['rotated', rotated],
        ['snapshots listed', snapshots.length],
      ]),
    );
  }
  tell(io, 'note', [`The snapshot serves until ${iso(expires)}; make the next one before that.`]);
  io.stderr.write(`published salts ${version}; running operators take it up at their next refresh\n`);
}

function snapshotJson({ effective, expires, location, size }: SaltFileMetadata) {
  return { effective, expires, location, size };
}
