import { DependencyError, PolicyError, RequestError } from '@holdfast/base';

import { explainProblem } from './error-map.ts';
import type { AzureProblem } from './ports.ts';

/** What Azure said, from an error of the Azure port; undefined for every other error. */
export function problemOf(thrown: unknown): AzureProblem | undefined {
  if (!(thrown instanceof DependencyError)) return undefined;
  const own = (thrown as { readonly problem?: unknown }).problem;
  const detail = (thrown.details as Readonly<Record<string, unknown>>)['problem'];
  for (const candidate of [own, detail]) {
    if (typeof candidate === 'object' && candidate !== null && 'code' in candidate) return candidate as AzureProblem;
  }
  return undefined;
}

/** The reason of a Kubernetes `Status`, such as `Conflict`, and its HTTP status, from an error of the Kubernetes port. */
export function kubernetesReason(
  thrown: unknown,
): { readonly reason: string; readonly status: number | undefined } | undefined {
  if (!(thrown instanceof DependencyError)) return undefined;
  const { reason, status } = thrown.details;
  if (typeof reason !== 'string') return undefined;
  return { reason, status: typeof status === 'number' ? status : undefined };
}

/** Whether a problem has one of these codes, as itself or in one of the envelopes around it. */
export function hasCode(problem: AzureProblem | undefined, codes: ReadonlySet<string>): boolean {
  return problem !== undefined && (codes.has(problem.code) || problem.path.some((code) => codes.has(code)));
}

/** A failure of Azure in words: what it means, where, and what to do. */
export function azureFailure(stage: string, problem: AzureProblem, cause?: unknown): DependencyError {
  const { meaning, action } = explainProblem(problem);
  const resource = problem.resourceId === undefined ? '' : ` at ${problem.resourceId}`;
  const known = meaning === undefined ? '' : ` (${meaning})`;
  return new DependencyError(
    'DEPLOYMENT_FAILED',
    `stage ${stage}${resource}: ${problem.code}${known}: ${problem.message}`,
    {
      retryable: false,
      action,
      ...(cause === undefined ? {} : { cause }),
      details: {
        stage,
        azureCode: problem.code,
        ...(problem.resourceId === undefined ? {} : { resourceId: problem.resourceId }),
        ...(problem.correlationId === undefined ? {} : { correlationId: problem.correlationId }),
        ...(problem.target === undefined ? {} : { target: problem.target }),
        path: problem.path,
      },
    },
  );
}

/** Somebody asked the run to stop. What Azure has begun goes on. */
export function interrupted(stage?: string): RequestError {
  return new RequestError(
    'DEPLOYMENT_INTERRUPTED',
    `interrupted${stage === undefined ? '' : ` in stage ${stage}`}; what Azure has begun goes on`,
    {
      action: 'Run the same command again: it goes on where it stopped.',
      ...(stage === undefined ? {} : { details: { stage } }),
    },
  );
}

/** A wait took longer than it may. */
export function deadlineReached(stage: string, what: string, minutes: number, hint: string): DependencyError {
  return new DependencyError('DEPLOYMENT_DEADLINE', `stage ${stage}: ${what}: not done after ${minutes} min`, {
    retryable: true,
    details: { stage },
    action: `${hint} Then run the same command again: it goes on where it stopped.`,
  });
}

/** A stage ran without an error, and yet it is not complete. */
export function stageIncomplete(stage: string, unmet: readonly string[]): DependencyError {
  return new DependencyError(
    'DEPLOYMENT_STAGE_INCOMPLETE',
    `stage ${stage} ran, but is not complete: ${unmet.join('; ')}`,
    {
      retryable: true,
      details: { stage, unmet },
      action: 'Look at the named resources with holdfast status, and run the same command again.',
    },
  );
}

/** Something would have to be made anew, which is not done unasked. */
export function replaceNeeded(stage: string, fields: readonly string[]): PolicyError {
  return new PolicyError('DEPLOYMENT_REPLACE_NEEDED', `stage ${stage}: cannot be changed: ${fields.join('; ')}`, {
    details: { stage, fields },
    action: 'Put the values back to what is there, or remove the resource yourself and run the command again.',
  });
}
