import { createHash } from 'node:crypto';

/** An id for one life of a container: 64 hex digits, never the same for two lives in one pod. */
export function containerId(podName: string, container: string, life: number): string {
  return createHash('sha256').update(`${podName}/${container}/${life}`).digest('hex');
}

/** Variables written `NAME=value`, by name; of two with one name the last counts. */
export function variablesOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((variable) => {
      const split = variable.indexOf('=');
      return split === -1 ? [variable, ''] : [variable.slice(0, split), variable.slice(split + 1)];
    }),
  );
}
