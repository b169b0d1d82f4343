import type { CceStep } from './decision.ts';
import type { CceEnforcerOptions } from './enforcer.ts';
import { createCceEnforcer } from './enforcer.ts';
import type { Explanation, ExplainOptions } from './explain.ts';
import { explainDecision } from './explain.ts';

const processPoints: ReadonlySet<string> = new Set([
  'create_container',
  'exec_in_container',
  'signal_container_process',
  'shutdown_container',
]);

/**
 * Explains one request on its own, without the steps that come before it: a process is compared with every container of
 * the policy as if its image had been admitted (and, but for a creation, as if it ran). Throws what `createCceEnforcer`
 * and `enforce` throw.
 */
export function explainRequest(
  policyText: string,
  step: CceStep,
  options: ExplainOptions & CceEnforcerOptions = {},
): Explanation {
  const enforcer = createCceEnforcer(policyText, options);
  const assumed = processPoints.has(step.point);
  const id = (step.input as { readonly containerID?: unknown } | null | undefined)?.containerID;
  if (assumed && typeof id === 'string') {
    const state = enforcer.snapshot();
    const running = step.point === 'create_container' ? [] : [[id, { privileged: false, allowStdio: true }] as const];
    enforcer.restore({ ...state, matches: new Map([[id, enforcer.policy.containers]]), started: new Map(running) });
  }
  const explanation = explainDecision(enforcer.enforce(step), options);
  if (!assumed) return explanation;
  const note = 'Compared with all containers of the policy, as if the image had been admitted.';
  return { ...explanation, notes: [...explanation.notes, note] };
}
