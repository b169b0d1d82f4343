import { randomBytes } from 'node:crypto';

import type { AdministrationContext, Change, World } from '@holdfast/uid2/administration';

import type { ChangeFlags } from '../commands/uid2-admin/flags.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { confirm } from './confirm.ts';
import { openBucket } from './open-bucket.ts';
import { whileLocked } from './world-lock.ts';
import { loadWorld, publishWorld } from './world-repository.ts';

/** How the outcome of a change is shown: an object for programs, text for people. */
export interface Shown {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/**
 * Loads the world, changes it, asks where somebody would be cut off, publishes, and shows the outcome. The bucket is not
 * locked while a person thinks; should the consequences be others by then, they are asked again.
 */
export async function runChange<T>(
  context: CliContext,
  flags: ChangeFlags,
  operation: (world: World, administration: AdministrationContext) => Change<T>,
  show: (result: T, world: World) => Shown,
): Promise<void> {
  const { io } = context;
  const bucket = openBucket(flags, io);
  let accepted: readonly string[] | undefined;
  for (;;) {
    const outcome = await whileLocked(bucket, async () => {
      const now = Date.now();
      const loaded = await loadWorld(bucket);
      const change = operation(loaded.world, { now, randomBytes });
      if (needsConsent(change.consequences, flags, accepted)) return { asked: change.consequences };
      return { change, published: await publishWorld(bucket, loaded, change.world, now) };
    });
    if (outcome.asked !== undefined) {
      await confirm(io, outcome.asked);
      accepted = outcome.asked;
      continue;
    }
    const { change, published } = outcome;
    const { versions } = published;
    const shown = show(change.result, change.world);
    if (flags.json) {
      writeJson(io, { version: 1, ...shown.json, versions, consequences: change.consequences, notes: change.notes });
    } else {
      io.stdout.write(shown.text);
    }
    if (flags.yes) tell(io, 'warning', change.consequences);
    tell(io, 'note', change.notes);
    tellVersions(io, versions);
    tellProblem(context, published.problem);
    return;
  }
}

/** Whether a person has to agree first: not with --yes, and not to exactly what was agreed to already. */
export function needsConsent(
  consequences: readonly string[],
  flags: ChangeFlags,
  accepted: readonly string[] | undefined,
): boolean {
  return consequences.length > 0 && !flags.yes && consequences.join('\n') !== accepted?.join('\n');
}

export function tell(io: CliIo, kind: 'warning' | 'note', sentences: readonly string[]): void {
  for (const sentence of sentences) io.stderr.write(`${kind}: ${sentence}\n`);
}

/** A change that is published with something left undone is no success. */
export function tellProblem(context: CliContext, problem: string | undefined): void {
  if (problem === undefined) return;
  context.io.stderr.write(`error: ${problem}\n`);
  context.setExitCode(EXIT_FAILED);
}

export function tellVersions(io: CliIo, versions: Readonly<Record<string, number>>): void {
  const published = Object.entries(versions).map(([directory, version]) => `${directory} ${version}`);
  io.stderr.write(
    published.length === 0
      ? 'nothing differs from what is published\n'
      : `published ${published.join(', ')}; Core and running operators take it up at their next refresh\n`,
  );
}
