import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { isRunning, processBirth } from '../src/process-state.ts';

/** Above the largest process id any Linux gives out. */
const NOBODY = 2 ** 22 + 1;
const isLinux = process.platform === 'linux';

describe('isRunning', () => {
  it('knows this process, its parent and the first one, and nobody', () => {
    expect([process.pid, process.ppid, 1, NOBODY].map(isRunning)).toEqual([true, true, true, false]);
  });

  it.runIf(isLinux)('does not count a process that has ended and that nobody has waited for', async () => {
    // The shell says the number of its child and becomes a program that never asks after it.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const child = Number(line.toString());
      await expect.poll(() => readFileSync(`/proc/${child}/stat`, 'utf8')).toMatch(/^\d+ \(sleep\) Z /);
      expect(isRunning(child)).toBe(false);
    } finally {
      parent.kill();
    }
  });
});

describe.runIf(isLinux)('processBirth', () => {
  it('stays the same for a process, and is another one for another', () => {
    expect(processBirth(process.pid)).toMatch(/^[\da-f-]{36}\/\d+$/);
    expect(processBirth(process.pid)).toBe(processBirth(process.pid));
    expect(processBirth(process.pid)).not.toBe(processBirth(1));
    expect(processBirth(NOBODY)).toBeUndefined();
  });
});
