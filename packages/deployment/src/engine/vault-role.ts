import { hasCode, problemOf } from './errors.ts';
import type { Run } from './run.ts';
import { waitFor } from './waits.ts';

const notYet: ReadonlySet<string> = new Set(['ForbiddenByRbac']);

/**
 * Calls the data plane of a vault until the caller's role works. Only a missing role is waited for: a firewall and a
 * disabled secret do not go away by waiting.
 */
export async function onceRoleWorks<T>(run: Run, stage: string, what: string, call: () => Promise<T>): Promise<T> {
  return await waitFor(run, {
    wait: 'vaultRole',
    stage,
    what,
    probe: async () => {
      try {
        return { done: await call() };
      } catch (error) {
        const problem = problemOf(error);
        if (problem === undefined || !hasCode(problem, notYet)) throw error;
        return { pending: `${problem.code}: the role on the vault does not work yet` };
      }
    },
  });
}
