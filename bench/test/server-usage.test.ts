import { describe, expect, it } from 'vitest';

import { cpuMicrosOf, sampleProcess, usageBetween } from '../src/server-usage.ts';

describe('cpuMicrosOf', () => {
  it('adds user and system time, whatever the name of the program holds', () => {
    const stat = '42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 31 0 0 20 0 15 0';
    expect(cpuMicrosOf(stat)).toBe(2_810_000);
  });
});

describe.skipIf(process.platform !== 'linux')('sampleProcess', () => {
  it('reads processor time and memory of a process', async () => {
    const sample = await sampleProcess(process.pid);
    expect(sample.cpuMicros).toBeGreaterThan(0);
    expect(sample.residentBytes).toBeGreaterThan(1_000_000);
    expect(sample.peakResidentBytes).toBeGreaterThanOrEqual(sample.residentBytes);
  });

  it('says so when there is no such process', async () => {
    await expect(sampleProcess(2 ** 30)).rejects.toMatchObject({ code: 'BENCH_SERVER_PID_INVALID' });
  });
});

describe('usageBetween', () => {
  it('is the difference in processor time and the later memory', () => {
    const before = { cpuMicros: 100, residentBytes: 1, peakResidentBytes: 2 };
    expect(usageBetween(before, { cpuMicros: 350, residentBytes: 3, peakResidentBytes: 4 })).toEqual({
      cpuMicros: 250,
      residentBytes: 3,
      peakResidentBytes: 4,
    });
  });
});
