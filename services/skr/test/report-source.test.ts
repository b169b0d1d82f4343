import { DependencyError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { createSimulatedReportSource, createTsmReportSource } from '../src/index.ts';
import type { ConfigFs } from '../src/index.ts';
import { linuxConfigFs } from '../src/report-source/tsm.ts';
import { answerOf, random } from './pod.ts';

const REPORT = new Uint8Array(1184).fill(9);
const REPORT_DATA = new Uint8Array(64).fill(5);

/** The kernel's side of configfs-tsm: entries with attributes that come and go with their folder. */
function kernel(over: { provider?: string; report?: Uint8Array; disturbed?: boolean } = {}) {
  const entries = new Map<string, { inblob: Uint8Array | undefined; generation: number }>();
  const seen: { entry: string; inblob: Uint8Array }[] = [];
  const split = (path: string): [string, string] => [
    path.slice(0, path.lastIndexOf('/')),
    path.slice(path.lastIndexOf('/') + 1),
  ];
  const configFs: ConfigFs = {
    makeFolder: async (path) => {
      if (entries.has(path)) throw Object.assign(new Error('exists'), { code: 'EEXIST' });
      entries.set(path, { inblob: undefined, generation: 0 });
      return Promise.resolve();
    },
    removeFolder: async (path) => {
      entries.delete(path);
      return Promise.resolve();
    },
    read: async (path) => {
      const [folder, name] = split(path);
      const entry = entries.get(folder);
      if (entry === undefined) throw new Error('ENOENT');
      if (name === 'provider') return Promise.resolve(Buffer.from(`${over.provider ?? 'sev_guest'}\n`));
      if (name === 'generation') return Promise.resolve(Buffer.from(`${entry.generation}\n`));
      if (entry.inblob === undefined) throw new Error('EINVAL');
      seen.push({ entry: folder, inblob: entry.inblob });
      if (over.disturbed === true) entry.generation += 1;
      return Promise.resolve(over.report ?? REPORT);
    },
    write: async (path, bytes) => {
      const [folder, name] = split(path);
      const entry = entries.get(folder);
      if (entry === undefined || name !== 'inblob') throw new Error('ENOENT');
      entry.inblob = bytes;
      entry.generation += 1;
      return Promise.resolve();
    },
  };
  return { configFs, entries, seen };
}

describe('createTsmReportSource', () => {
  const source = (configFs: ConfigFs, folder = '/tsm') => createTsmReportSource({ folder, random, configFs });

  it('writes the report data into an entry of its own, reads the report and leaves nothing behind', async () => {
    const { configFs, entries, seen } = kernel();
    const both = await Promise.all([source(configFs).report(REPORT_DATA), source(configFs).report(REPORT_DATA)]);
    expect(both).toEqual([REPORT, REPORT]);
    expect(seen.map(({ inblob }) => inblob)).toEqual([REPORT_DATA, REPORT_DATA]);
    expect(new Set(seen.map(({ entry }) => entry)).size).toBe(2);
    expect(entries.size).toBe(0);
  });

  it('says that this is no SEV-SNP guest where there is no such interface', async () => {
    const call = source(linuxConfigFs, '/no/such/folder').report(REPORT_DATA);
    await expect(call).rejects.toMatchObject({
      code: 'SNP_DEVICE_UNAVAILABLE',
      retryable: false,
      message: expect.stringContaining('not an SEV-SNP guest') as string,
    });
  });

  it('refuses an interface of other hardware', async () => {
    const { configFs, entries } = kernel({ provider: 'tdx_guest' });
    await expect(source(configFs).report(REPORT_DATA)).rejects.toMatchObject({ code: 'SNP_DEVICE_UNAVAILABLE' });
    expect(entries.size).toBe(0);
  });

  it('refuses a report of another length, and one that another writer disturbed', async () => {
    for (const over of [{ report: REPORT.subarray(1) }, { report: new Uint8Array() }, { disturbed: true }]) {
      const { configFs, entries } = kernel(over);
      await expect(source(configFs).report(REPORT_DATA)).rejects.toMatchObject({ code: 'SNP_REPORT_UNAVAILABLE' });
      expect(entries.size).toBe(0);
    }
  });
});

describe('createSimulatedReportSource', () => {
  const source = (send: Parameters<typeof createSimulatedReportSource>[0]['client']['send']) =>
    createSimulatedReportSource({ url: 'http://127.0.0.1:1/report', client: { send } });

  it('posts the report data as raw bytes', async () => {
    const report = await source(async (request) => {
      expect(request).toMatchObject({ method: 'POST', url: 'http://127.0.0.1:1/report', body: REPORT_DATA });
      return Promise.resolve({ status: 200, headers: {}, body: REPORT });
    }).report(REPORT_DATA);
    expect(report).toEqual(REPORT);
  });

  it('says when the firmware is away, refuses, or answers another length', async () => {
    const away = new DependencyError('HTTP_UNREACHABLE', 'connection refused', { retryable: true });
    for (const send of [
      async () => Promise.reject(away),
      async () => Promise.resolve(answerOf(500, '')),
      async () => Promise.resolve(answerOf(200, 'short')),
    ]) {
      await expect(source(send).report(REPORT_DATA)).rejects.toMatchObject({ code: 'SNP_REPORT_UNAVAILABLE' });
    }
  });
});
