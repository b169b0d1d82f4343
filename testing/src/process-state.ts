import { readFileSync } from 'node:fs';

/** Whether a process runs. One that has ended and whose parent has not looked yet does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false; // no such process
  }
  try {
    return !/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return process.platform !== 'linux'; // it has just ended, or this system has no such files
  }
}
