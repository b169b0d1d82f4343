import { timeOf } from './read-pod.ts';

/** Core refuses for this long before the operator ends itself; fixed in the operator. */
export const attestationLimitMs = 12 * 3_600_000;

/** What the log of an operator says about its attestation. */
export type AttestationState =
  | { readonly state: 'unknown' }
  | { readonly state: 'attested' }
  /** 401 or 403: the operator ended at once. */
  | { readonly state: 'refused'; readonly line: string; readonly status: number | undefined }
  /** Core answers with something else: the operator ends twelve hours after the first such answer. */
  | {
      readonly state: 'failing';
      readonly line: string;
      readonly status: number | undefined;
      /** First failed answer since the last success; milliseconds since the epoch. Undefined when the log has no times. */
      readonly since: number | undefined;
      readonly deadline: number | undefined;
      /** The log begins with failures, so the first one may be older than what is left of it. */
      readonly mayBeOlder: boolean;
    }
  /** Core answered with failures for twelve hours, and the operator ended. */
  | { readonly state: 'failed-too-long'; readonly line: string };

type Failing = Extract<AttestationState, { readonly state: 'failing' }>;

const REFUSED = /core attestation failed with AttestationFailure/i;
const TOO_LONG = /core attestation has been in failed state for too long/i;
const SUCCESS = /(?<!not )\battested\b|attestation (?:was )?success|attestation token received/i;
const FAILED = /attestation did not succeed|attestation failed|re-?attest failed/i;
const STATUS = /(?:status(?:Code)?"?\s*[=:]\s*"?|HTTP (?:response )?(?:code|status)\s*|status )(\d{3})\b/i;
const UNREACHABLE = /"result":"unreachable"/;

/**
 * Reads the state of attestation from a log, line by line. Only what Core answered counts: a connection that failed neither
 * starts nor advances the twelve hours, so lines without a status of Core are passed over.
 */
export function attestationOf(log: string): AttestationState {
  let state = { state: 'unknown' } as AttestationState;
  for (const line of log.split('\n')) {
    if (REFUSED.test(line)) return { state: 'refused', line, status: refusalStatus(line) };
    if (TOO_LONG.test(line)) return { state: 'failed-too-long', line };
    const status = statusOf(line);
    if (FAILED.test(line)) {
      if (status === undefined || status < 400 || UNREACHABLE.test(line)) continue;
      if (status === 401 || status === 403) return { state: 'refused', line, status };
      const first: Failing | undefined = state.state === 'failing' ? state : undefined;
      const since: number | undefined = first === undefined ? lineTime(line) : first.since;
      state = {
        state: 'failing',
        line,
        status,
        since,
        deadline: since === undefined ? undefined : since + attestationLimitMs,
        mayBeOlder: first?.mayBeOlder ?? state.state === 'unknown',
      };
    } else if (SUCCESS.test(line)) state = { state: 'attested' };
  }
  return state;
}

function statusOf(line: string): number | undefined {
  const found = STATUS.exec(line)?.[1];
  return found === undefined ? undefined : Number(found);
}

function refusalStatus(line: string): number | undefined {
  const status = statusOf(line);
  return status === 401 || status === 403 ? status : undefined;
}

const ISO = /\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?/;

/** When a line was written: the member `time` of a JSON line, or the first time in it, which is UTC unless it says otherwise. */
export function lineTime(line: string): number | undefined {
  const epoch = /"(?:time|timestamp)":(\d{12,14})\b/.exec(line)?.[1];
  if (epoch !== undefined) return Number(epoch);
  const found = ISO.exec(line);
  if (found === null) return undefined;
  const [, day, time, fraction, zone = 'Z'] = found;
  return timeOf(`${day}T${time}${fraction === undefined ? '' : `.${fraction.slice(0, 3)}`}${zone}`);
}

/** `3 h 20 min` */
export function durationText(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes} min` : `${hours} h ${minutes % 60} min`;
}
