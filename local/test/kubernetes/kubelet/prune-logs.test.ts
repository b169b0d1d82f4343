import { randomUUID } from 'node:crypto';
import { mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { pruneLogs } from '../../../src/kubernetes/kubelet/prune-logs.ts';
import { temporaryFolder } from '../../../testing/temporary-folder.ts';

it('pruneLogs keeps the newest logs of each workload, those of running pods, and what belongs to no pod', async () => {
  await using folder = await temporaryFolder();
  const [logs, pods] = [join(folder.path, 'logs'), join(folder.path, 'pods')];
  await pruneLogs(logs, pods);
  const make = async (name: string, age: number, running = false): Promise<string> => {
    const full = `default_${name}_${randomUUID()}`;
    await mkdir(join(logs, full), { recursive: true });
    if (running) await mkdir(join(pods, full), { recursive: true });
    await utimes(join(logs, full), 1000 - age, 1000 - age);
    return full;
  };
  const kept: string[] = [];
  const gone: string[] = [];
  for (let age = 0; age < 8; age += 1) {
    const [deployment, set] = [
      `vote-${'bcdfghjkl'.slice(age)}${'x'.repeat(1 + age)}-bcdf${age % 2 === 0 ? '4' : '5'}`,
      'broker-0',
    ];
    for (const name of [deployment, set]) (age < 5 ? kept : gone).push(await make(name, age));
  }
  kept.push(await make('vote-bcdfghjklx-zzzzz', 99, true));
  for (const name of ['core.log', 'operator-0', 'default_odd_name']) {
    await mkdir(join(logs, name));
    kept.push(name);
  }
  await pruneLogs(logs, pods);
  expect((await readdir(logs)).sort()).toEqual(kept.sort());
  expect(gone).toHaveLength(6);
});
