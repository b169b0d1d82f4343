import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { createPodTerminationMonitor } from '../src/index.ts';

it('the pod terminates once its file is there, which is looked for at most every few seconds', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pod-'));
  const file = join(folder, 'pod_terminating');
  let now = 0;
  const isTerminating = createPodTerminationMonitor({ clock: () => now, intervalMs: 3000, file });
  expect(await isTerminating()).toBe(false);
  await writeFile(file, '');
  now = 2999;
  expect(await isTerminating()).toBe(false);
  now = 3000;
  expect(await isTerminating()).toBe(true);
  await rm(folder, { recursive: true });
  now = 6000;
  expect(await isTerminating()).toBe(true);
});
