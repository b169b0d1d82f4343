import type { CandidateTrace } from './candidate-trace.ts';
import type { ContainerTest } from './container-tests.ts';
import { createTests, execTests, traceCandidate } from './container-tests.ts';
import type { EvaluationContext } from './evaluation-context.ts';
import type { CapabilitySets, PolicyContainer } from './policy-container.ts';
import type { ProcessOutcome } from './process-evaluation.ts';
import { narrowProcess } from './process-evaluation.ts';
import type { CreateRequest, ExecRequest } from './requests.ts';

/** The whole narrowing of one process start: what the decision, its error texts and its explanation are made from. */
export interface ProcessEvaluation {
  /** Candidates of the container id, undefined when it has no overlay. */
  readonly matches: readonly PolicyContainer[] | undefined;
  readonly tests: readonly ContainerTest[];
  /** Candidates that pass all tests but those of environment and capabilities. */
  readonly surviving: readonly PolicyContainer[];
  readonly outcome: ProcessOutcome;
  /** The last candidates disagree about standard input and output. */
  readonly stdioAmbiguous: boolean;
  readonly allowed: boolean;
  readonly allowStdio: boolean;
  traces(): readonly CandidateTrace[];
}

/** create_container: the id is new, and the candidates of its overlay narrow to a set that agrees. */
export function evaluateCreate(request: CreateRequest, context: EvaluationContext): ProcessEvaluation {
  const started = context.state.started.has(request.containerID);
  const tests = createTests(request, context);
  const evaluation = evaluateProcess(request, request.privileged, tests, context);
  return { ...evaluation, allowed: evaluation.allowed && !started };
}

/** exec_in_container: the container runs, and its candidates narrow in the same way. */
export function evaluateExec(request: ExecRequest, context: EvaluationContext): ProcessEvaluation {
  const started = context.state.started.get(request.containerID);
  const tests = execTests(request, context);
  const evaluation = evaluateProcess(request, started?.privileged ?? false, tests, context);
  // The terminal of an exec was settled when its container was created.
  const allowed = started !== undefined && evaluation.outcome.afterCapabilities.length > 0;
  return { ...evaluation, stdioAmbiguous: false, allowed, allowStdio: started?.allowStdio ?? false };
}

function evaluateProcess(
  request: ExecRequest | CreateRequest,
  privileged: boolean,
  tests: readonly ContainerTest[],
  context: EvaluationContext,
): ProcessEvaluation {
  const matches = context.state.matches.get(request.containerID);
  const surviving = (matches ?? []).filter((candidate) => tests.every((test) => test.passes(candidate)));
  const capabilities: CapabilitySets | null = request.capabilities;
  const process = { envList: request.envList, capabilities, privileged };
  const { environmentDropping, capabilityDropping } = context.policy.flags;
  const outcome = narrowProcess(
    { ...process, candidates: surviving, environmentDropping, capabilityDropping },
    context.environment,
  );
  const last = outcome.afterCapabilities;
  const allowStdio = last[0]?.allowStdio;
  const agreed = allowStdio !== undefined && last.every((candidate) => candidate.allowStdio === allowStdio);
  return {
    matches,
    tests,
    surviving,
    outcome,
    stdioAmbiguous: last.length > 0 && !agreed,
    allowed: agreed,
    allowStdio: allowStdio ?? false,
    traces: () => (matches ?? []).map((candidate) => traceCandidate(candidate, tests, process, context)),
  };
}
