import { DependencyError, PlatformError } from '@holdfast/base';
import type { ErrorDetails } from '@holdfast/base';

/** A call to a cluster that did not succeed. `details.reason` and `details.status` are the API server's own. */
export class KubernetesError extends DependencyError {
  declare readonly details: ErrorDetails & {
    /** Reason of the Status object, or a word of ours when there was no answer. */
    readonly reason: string;
    /** HTTP status; 0 when there was no answer. */
    readonly status: number;
    /** Of a conflict of server-side apply: who owns the fields. */
    readonly managers?: readonly string[];
    /** Of a conflict or an invalid object: the paths. */
    readonly fields?: readonly string[];
  };
}

/** An answer of the API server, whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly header: (name: string) => string | undefined;
}

interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

const MAX_MESSAGE = 4_000;

/** The error for an answer that is not success: a Status object of the API server, or whatever stands in its place. */
export function refusal(doing: string, answer: Pick<Answer, 'status' | 'text'>): KubernetesError {
  const { status } = answer;
  const body = statusOf(answer.text);
  const reason = text(body?.['reason']) ?? `Http${status}`;
  const said = (text(body?.['message']) ?? answer.text.trim().slice(0, 500)).slice(0, MAX_MESSAGE);
  const causes = causesOf(body);
  const fields = [...new Set(causes.map(({ field }) => field).filter((field) => field !== ''))];
  const conflicts = causes.filter((cause) => cause.reason === 'FieldManagerConflict');
  if (status === 409 && conflicts.length > 0) {
    const managers = [...new Set(conflicts.map(managerOf))];
    return new KubernetesError(
      'KUBERNETES_CONFLICT',
      `${doing}: ${fields.join(', ')} belong to ${managers.join(', ')}`,
      {
        retryable: false,
        details: { reason, status, managers, fields },
        action: 'Let the other manager give the fields up, or take them over on purpose.',
      },
    );
  }
  const failing = status === 429 || status >= 500;
  return new KubernetesError(
    failing ? 'KUBERNETES_UNREACHABLE' : status === 409 ? 'KUBERNETES_CONFLICT' : 'KUBERNETES_REFUSED',
    `${failing ? 'the cluster failed' : 'the cluster refuses'}: ${doing}: ${reason}: ${said}`,
    {
      retryable: failing || (status === 409 && reason === 'Conflict'),
      details: { reason, status, ...(fields.length === 0 ? {} : { fields }) },
      action: failing ? 'Wait and try again; check the health of the API server.' : actionFor(status, reason),
    },
  );
}

/** The error for a call that brought no answer. */
export function noAnswer(doing: string, thrown: unknown, signal: AbortSignal | undefined): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  if (signal?.aborted === true) return stopped(doing, signal.reason);
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new KubernetesError('KUBERNETES_UNREACHABLE', `the cluster cannot be reached: ${doing}: ${message}`, {
    retryable: true,
    cause: thrown,
    details: { reason: typeof code === 'string' ? code : 'Unreachable', status: 0 },
    action: 'Check name resolution, egress rules and authorised address ranges of the API server, and its certificate.',
  });
}

/** The error for a call that its caller stopped, by a deadline or otherwise. */
export function stopped(doing: string, reason: unknown): PlatformError {
  if (reason instanceof PlatformError) return reason;
  const late = (reason as Error | undefined)?.name === 'TimeoutError';
  return new KubernetesError(
    late ? 'KUBERNETES_TIMEOUT' : 'KUBERNETES_INTERRUPTED',
    late ? `the cluster did not answer in time: ${doing}` : `${doing} was asked no longer`,
    {
      retryable: late,
      cause: reason,
      details: { reason: late ? 'Timeout' : 'Interrupted', status: 0 },
      action: 'Run the command again; it goes on where it stopped.',
    },
  );
}

/** The error for an answer that is not what the interface says. */
export function unusable(doing: string, seen: string, cause?: unknown): KubernetesError {
  return new KubernetesError('KUBERNETES_ANSWER_UNUSABLE', `the answer to ${doing} cannot be used: ${seen}`, {
    retryable: false,
    cause,
    details: { reason: 'AnswerUnusable', status: 0 },
    action: 'Check that the address belongs to an API server and that no proxy answers in its place.',
  });
}

/** A `Status` object of the API server; undefined when the text is none. */
export function statusOf(body: string): Readonly<Record<string, unknown>> | undefined {
  if (!body.trimStart().startsWith('{')) return undefined;
  try {
    const parsed = JSON.parse(body) as Readonly<Record<string, unknown>>;
    return parsed['kind'] === 'Status' && parsed['apiVersion'] === 'v1' ? parsed : undefined;
  } catch {
    return undefined; // a text that only looks like JSON
  }
}

function causesOf(status: Readonly<Record<string, unknown>> | undefined): readonly Cause[] {
  const causes = (status?.['details'] as { causes?: unknown } | null | undefined)?.causes;
  if (!Array.isArray(causes)) return [];
  return (causes as readonly unknown[]).flatMap((cause) => {
    if (typeof cause !== 'object' || cause === null) return [];
    const { reason, message, field } = cause as Readonly<Record<string, unknown>>;
    return [{ reason: text(reason) ?? '', message: text(message) ?? '', field: text(field) ?? '' }];
  });
}

/** The API names a manager nowhere but in the sentence: `conflict with "manager" using apps/v1`. */
function managerOf({ message }: Cause): string {
  return /conflict with "([^"]*)"/.exec(message)?.[1] ?? 'an unknown manager';
}

function actionFor(status: number, reason: string): string {
  if (status === 401) return 'Get new credentials for the cluster.';
  if (status === 403) return 'Give the user a role in the cluster that allows the action, which the message names.';
  if (reason === 'AlreadyExists') return 'The object is there already: read it instead.';
  if (reason === 'Conflict') return 'Read the object again: somebody else has changed it.';
  return 'Correct what the message names.';
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
