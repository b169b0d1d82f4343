import { readFile } from 'node:fs/promises';

import { RequestError } from '@holdfast/base';

/** Processor time in clock ticks and resident memory of a process, as Linux reports them. */
export interface ProcessSample {
  /** User and system time of all threads, microseconds. */
  readonly cpuMicros: number;
  /** Resident memory now and at its highest, bytes. */
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
}

/** What a server process used while it was measured. */
export interface ServerUsage {
  readonly cpuMicros: number;
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
}

/** Linux counts process times in hundredths of a second on every architecture that it offers to programs. */
const MICROS_PER_TICK = 10_000;
/** Places of user and system time among the fields after the program's name, proc_pid_stat(5). */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

/**
 * Reads what the process `pid` has used so far.
 * @throws RequestError BENCH_SERVER_PID_INVALID when there is no such process, or no Linux
 */
export async function sampleProcess(pid: number): Promise<ProcessSample> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
    ]);
    return { cpuMicros: cpuMicrosOf(stat), ...memoryOf(status) };
  } catch (cause) {
    throw new RequestError('BENCH_SERVER_PID_INVALID', `cannot read the processor time of process ${pid}`, {
      cause,
      action: 'Give --server-pid the id of the running server, on the same Linux machine.',
    });
  }
}

/** The usage between two samples. */
export function usageBetween(before: ProcessSample, after: ProcessSample): ServerUsage {
  return { ...after, cpuMicros: after.cpuMicros - before.cpuMicros };
}

/** User plus system time in a line of /proc/PID/stat, microseconds. The name in it may hold blanks and brackets. */
export function cpuMicrosOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) * MICROS_PER_TICK;
}

function memoryOf(status: string): Pick<ProcessSample, 'residentBytes' | 'peakResidentBytes'> {
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { residentBytes: kilobytes('VmRSS') * 1024, peakResidentBytes: kilobytes('VmHWM') * 1024 };
}
