import { access } from 'node:fs/promises';

import type { Clock } from '@holdfast/base';

export interface PodTerminationOptions {
  readonly clock: Clock;
  /** The file is looked for at most this often, in milliseconds; 3000 when missing. */
  readonly intervalMs?: number;
  readonly file?: string;
}

/** A container's stop hook creates this file so that no new calls are sent while the old ones finish. */
const POD_TERMINATING = '/app/pod_terminating/pod_terminating';

/** Whether the pod is about to stop, as the UID2 reference services learn it. Once it is, it stays so. */
export function createPodTerminationMonitor(options: PodTerminationOptions): () => Promise<boolean> {
  const { clock, intervalMs = 3000, file = POD_TERMINATING } = options;
  let terminating = false;
  let lookedAt = -Infinity;
  return async () => {
    if (terminating || clock() - lookedAt < intervalMs) return terminating;
    lookedAt = clock();
    terminating = await access(file).then(
      () => true,
      () => false,
    );
    return terminating;
  };
}
