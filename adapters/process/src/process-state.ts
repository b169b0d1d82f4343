import { readFileSync } from 'node:fs';

/** Of `/proc/PID/stat` behind the name, which may hold anything: state first, start in clock ticks since the boot as the twentieth. */
const STATE = 0;
const START = 19;

/**
 * Whether a process runs, whoever it belongs to. One that has ended does not, although it stays in the list of its parent until that
 * looks, which the first process of some containers never does.
 */
export function isRunning(pid: number): boolean {
  let isOfSomebodyElse = false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    isOfSomebodyElse = (error as NodeJS.ErrnoException).code === 'EPERM';
    if (!isOfSomebodyElse) return false;
  }
  const fields = statFields(pid);
  if (fields === undefined) return isOfSomebodyElse || process.platform !== 'linux';
  return fields[STATE] !== 'Z';
}

/**
 * What tells a process from a later one with the same number: the boot of the machine and the start of the process in it. Undefined
 * when it has ended, or where the system does not say.
 */
export function processBirth(pid: number): string | undefined {
  const start = statFields(pid)?.[START];
  const boot = readIfPresent('/proc/sys/kernel/random/boot_id')?.trim();
  return start === undefined || boot === undefined ? undefined : `${boot}/${start}`;
}

function statFields(pid: number): readonly string[] | undefined {
  const stat = readIfPresent(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Missing: the process has just ended, is hidden, or the system has no such files. */
function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
