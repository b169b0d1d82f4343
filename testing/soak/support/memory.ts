import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { ServiceProcess } from '../../src/index.ts';

export const MEGABYTE = 1_048_576;
const ANSWER_DEADLINE_MS = 30_000;

/** The heap of this process after everything that can be collected was. Needs `--expose-gc`. */
export async function collectedHeapBytes(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('run this with --expose-gc');
  for (let turn = 0; turn < 4; turn += 1) {
    globalThis.gc();
    await pause(10); // finalisers and closed sockets
  }
  return process.memoryUsage().heapUsed;
}

/** Resident memory of another process as Linux counts it; undefined on other systems. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

export interface ProcessMemory {
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly rss: number;
}

/** Environment of a service that `collectedMemory` may ask. */
export const INSPECTABLE = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const;

/** Lets a service collect its garbage and answers what is left on its main thread; `rss` is of the whole process. */
export async function collectedMemory(service: ServiceProcess): Promise<ProcessMemory> {
  const url = /Debugger listening on (ws:\S+)/.exec(service.output)?.[1];
  if (url === undefined) throw new Error(`the service was not started with INSPECTABLE:\n${service.output}`);
  const socket = new WebSocket(url);
  const deadline = AbortSignal.timeout(ANSWER_DEADLINE_MS);
  deadline.addEventListener('abort', () => socket.close());
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error(`cannot reach ${url}`)), { once: true });
  });
  let id = 0;
  const call = (method: string, params: object = {}): Promise<unknown> => {
    const own = (id += 1);
    return new Promise((resolve, reject) => {
      socket.addEventListener('close', () => reject(new Error(`${method} was not answered`)), { once: true });
      const listener = (event: MessageEvent): void => {
        const message = JSON.parse(String(event.data)) as { readonly id?: number; readonly result?: unknown };
        if (message.id !== own) return;
        socket.removeEventListener('message', listener);
        resolve(message.result);
      };
      socket.addEventListener('message', listener);
      socket.send(JSON.stringify({ id: own, method, params }));
    });
  };
  try {
    for (let turn = 0; turn < 3; turn += 1) {
      await call('HeapProfiler.collectGarbage');
      await pause(100);
    }
    const expression = 'JSON.stringify(process.memoryUsage())';
    const answer = (await call('Runtime.evaluate', { expression })) as { result: { value: string } };
    return JSON.parse(answer.result.value) as ProcessMemory;
  } finally {
    socket.close();
  }
}

export function megabytes(bytes: number): number {
  return Math.round((bytes / MEGABYTE) * 10) / 10;
}

/**
 * Shows a measured value, and adds it as one line of JSON to the file that HOLDFAST_SOAK_RESULTS names, by default
 * .holdfast-soak/results.jsonl.
 */
export function record(name: string, values: Readonly<Record<string, number | string>>): void {
  const line = JSON.stringify({ measured: name, at: new Date().toISOString(), node: process.version, ...values });
  process.stdout.write(`${line}\n`);
  const file = process.env['HOLDFAST_SOAK_RESULTS'] ?? '.holdfast-soak/results.jsonl';
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${line}\n`);
}
