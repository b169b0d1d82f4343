import type { Clock } from '@holdfast/base';

/** Takes a task back that has not run yet. */
export type Cancel = () => void;

/** The time of a cluster: what o'clock it is, and what is to be done later. Tests give it virtual time. */
export interface Timers {
  /** Milliseconds since the epoch. */
  readonly clock: Clock;
  /** Calls `task` once, `ms` milliseconds from now. */
  after(ms: number, task: () => void): Cancel;
}

/** The machine's own time. Waiting for something keeps no process alive. */
export function machineTimers(clock: Clock = Date.now): Timers {
  return {
    clock,
    after: (ms, task) => {
      const timer = setTimeout(task, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** A time as Kubernetes writes it: whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
