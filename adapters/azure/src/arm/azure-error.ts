import { DependencyError, errorMessage, PlatformError } from '@holdfast/base';
import type { DependencyErrorOptions, ErrorDetails } from '@holdfast/base';
import type { AzureProblem } from '@holdfast/deployment';

import { isCredentialError } from '../vault-error.ts';
import type { CapturedAnswer } from './answer-log.ts';
import { hiding, isObject, problemOf } from './azure-problem.ts';

/** A call to Azure that did not succeed. `problem`, also in `details`, is what Azure said. */
export class AzureError extends DependencyError {
  readonly problem: AzureProblem;
  declare readonly details: ErrorDetails & { readonly problem: AzureProblem };

  constructor(
    code: string,
    message: string,
    problem: AzureProblem,
    options: Omit<DependencyErrorOptions, 'details'> & { readonly details?: ErrorDetails },
  ) {
    // A problem is data for programs as the rest of the details is, only that it is not flat.
    super(code, message, { ...options, details: { ...options.details, problem } as unknown as ErrorDetails });
    this.problem = problem;
  }
}

/** What is known about a call that failed. */
export interface FailedCall {
  /** The last answer of the call, whole; the SDKs leave out most of it. */
  readonly answer: CapturedAnswer | undefined;
  readonly signal: AbortSignal | undefined;
  /** Opened for the call; must not be seen in its error. */
  readonly secrets?: readonly string[];
  /** What was being done, for the sentence: `GET /subscriptions/…`. */
  readonly doing: string;
}

/** Codes of refusals that go away without anybody changing anything. */
const PASSING = new Set([
  'AnotherOperationInProgress',
  'ConcurrentOperationError',
  'ConflictingConcurrentWriteNotAllowed',
  'DeploymentActive',
  'ForbiddenByRbac',
  'OperationPreempted',
  'PrincipalNotFound',
  'RetryableError',
]);

/**
 * The typed error for anything that a call to Azure throws. The SDKs' own errors hold requests with their bodies, so only
 * their name and cleaned message go along as cause.
 */
export function azureError(thrown: unknown, call: FailedCall): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const cause = cleanCause(thrown, call.secrets ?? []);
  if (call.signal?.aborted === true) return stopped(call.signal.reason, call.doing);
  const error: Readonly<Record<string, unknown>> = isObject(thrown) ? thrown : {};
  if (isCredentialError(thrown)) return credentialError(cause, call);
  if (error['name'] === 'AbortError' || error['name'] === 'TimeoutError') {
    return timedOut(call.doing, cause);
  }
  const status = typeof error['statusCode'] === 'number' ? error['statusCode'] : undefined;
  const { answer } = call;
  if (status !== undefined) return refusal(status, answer, cause, call);
  if (error['name'] === 'RestError') {
    const code = typeof error['code'] === 'string' ? error['code'] : 'Unreachable';
    return new AzureError(
      'AZURE_UNREACHABLE',
      `Azure cannot be reached: ${call.doing}: ${cause.message}`,
      { code, message: cause.message, path: [] },
      {
        retryable: code !== 'PARSE_ERROR',
        cause,
        action: 'Check name resolution, egress rules and proxies for the host, and that its certificate is trusted.',
      },
    );
  }
  if (answer !== undefined && answer.status >= 400) return refusal(answer.status, answer, cause, call);
  const problem = problemOf(answer?.body, contextOf(answer, call));
  return problem === undefined
    ? unusable(call.doing, cause.message, cause)
    : operationFailed(problem, call.doing, cause);
}

/** The error for an answer whose status is not success. */
export function refusal(
  status: number,
  answer: CapturedAnswer | undefined,
  cause: Error | undefined,
  call: Pick<FailedCall, 'secrets' | 'doing'>,
): AzureError {
  const own = answer?.status === status ? answer : undefined;
  const problem = problemOf(own?.body, { ...contextOf(own, call), status }) ?? {
    code: `Http${status}`,
    message: cause?.message ?? 'the answer holds no error',
    path: [],
    status,
    ...(own?.correlationId === undefined ? {} : { correlationId: own.correlationId }),
  };
  const failing = status === 408 || status === 429 || status >= 500;
  const words = failing ? 'Azure failed' : 'Azure refuses';
  return new AzureError(
    failing ? 'AZURE_UNREACHABLE' : 'AZURE_REFUSED',
    `${words}: ${call.doing}: ${problem.code}: ${problem.message}`,
    problem,
    {
      retryable: failing || isPassing(problem),
      ...(cause === undefined ? {} : { cause }),
      action: failing
        ? 'Wait and try again; status.azure.com shows whether the service has trouble.'
        : refusalAction(problem),
    },
  );
}

/** The error for an operation that Azure took and could not finish. */
export function operationFailed(problem: AzureProblem, doing: string, cause?: Error): AzureError {
  return new AzureError(
    'AZURE_OPERATION_FAILED',
    `Azure could not finish: ${doing}: ${problem.code}: ${problem.message}`,
    problem,
    { retryable: isPassing(problem), ...(cause === undefined ? {} : { cause }), action: refusalAction(problem) },
  );
}

/** The error for an answer that is not what the interface says. */
export function unusable(doing: string, seen: string, cause?: Error): AzureError {
  return new AzureError(
    'AZURE_ANSWER_UNUSABLE',
    `the answer to ${doing} cannot be used: ${seen}`,
    { code: 'AnswerUnusable', message: seen, path: [] },
    {
      retryable: false,
      ...(cause === undefined ? {} : { cause }),
      action: 'Check that the address belongs to Azure and that no proxy answers in its place.',
    },
  );
}

/** The error for a call that its caller stopped, by a deadline or otherwise. */
export function stopped(reason: unknown, doing: string): PlatformError {
  if (reason instanceof PlatformError) return reason;
  if (isObject(reason) && reason['name'] === 'TimeoutError') return timedOut(doing, reason);
  return new AzureError(
    'AZURE_INTERRUPTED',
    `${doing} was asked no longer`,
    { code: 'Interrupted', message: 'the call was stopped', path: [] },
    { retryable: false, cause: reason, action: 'Run the command again; what Azure has begun goes on.' },
  );
}

/** Facts of an answer that a problem carries along. */
export function contextOf(
  answer: CapturedAnswer | undefined,
  call: Pick<FailedCall, 'secrets'>,
): { readonly status?: number; readonly correlationId?: string | undefined; readonly secrets?: readonly string[] } {
  return {
    ...(answer === undefined ? {} : { status: answer.status, correlationId: answer.correlationId }),
    ...(call.secrets === undefined ? {} : { secrets: call.secrets }),
  };
}

function timedOut(doing: string, cause: unknown): AzureError {
  return new AzureError(
    'AZURE_TIMEOUT',
    `Azure did not answer in time: ${doing}`,
    { code: 'Timeout', message: 'no answer before the deadline', path: [] },
    { retryable: true, cause, action: 'Run the command again; it goes on where it stopped.' },
  );
}

function credentialError(cause: Error, call: FailedCall): AzureError {
  return new AzureError(
    'AZURE_CREDENTIAL_UNAVAILABLE',
    `no Azure identity could get a token: ${cause.message}`,
    { code: 'CredentialUnavailable', message: cause.message, path: [] },
    {
      retryable: call.answer !== undefined && call.answer.status >= 500,
      cause,
      action: 'Sign in with az login, or set the variables of a service principal or workload identity.',
    },
  );
}

function isPassing(problem: AzureProblem): boolean {
  return PASSING.has(problem.code) || problem.path.some((code) => PASSING.has(code));
}

function refusalAction({ code }: AzureProblem): string {
  switch (code) {
    case 'AuthorizationFailed':
    case 'LinkedAuthorizationFailed':
      return 'Give the identity a role that allows the action on the scope, both of which the message names.';
    case 'ForbiddenByRbac':
      return 'Give the identity the role "Key Vault Secrets Officer" on the vault; a new role can take minutes to work.';
    case 'ForbiddenByFirewall':
    case 'ForbiddenByConnection':
      return 'Allow the address of this machine in the firewall of the vault, or run from a network that it allows.';
    case 'SecretDisabled':
      return 'Enable the version of the secret, or set a new one.';
    case 'DeploymentActive':
      return 'Wait until the running deployment has ended, or cancel it.';
    default:
      return 'Correct what the message names.';
  }
}

function cleanCause(thrown: unknown, secrets: readonly string[]): Error {
  const cause = new Error(hiding(secrets)(errorMessage(thrown)));
  if (isObject(thrown) && typeof thrown['name'] === 'string') cause.name = thrown['name'];
  return cause;
}
