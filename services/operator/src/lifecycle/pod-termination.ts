import { existsSync } from 'node:fs';

import type { Clock } from '@holdfast/base';

import type { UnhealthyComponent } from '../context.ts';

/**
 * Watches for the file by which a pod announces its end, so that health turns bad and load balancers drain first. The file
 * system is asked at most once per interval, driven by the calls.
 */
export function podTerminationMonitor(
  options: { readonly file: string; readonly intervalMs: number },
  now: Clock,
): () => UnhealthyComponent | undefined {
  let checkedAtMs = -Infinity;
  let terminating = false;
  return () => {
    if (now() - checkedAtMs >= options.intervalMs) {
      checkedAtMs = now();
      terminating = existsSync(options.file);
    }
    return terminating ? { component: 'PodTerminationMonitor', reason: 'Pod is terminating' } : undefined;
  };
}
