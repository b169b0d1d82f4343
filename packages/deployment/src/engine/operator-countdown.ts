import { DependencyError } from '@holdfast/base';

import { durationText } from '../diagnostics/attestation.ts';
import type { KubernetesObject } from '../manifests/object.ts';
import { operatorPort } from '../manifests/operator.ts';
import { numberAt, textAt, valueAt } from './json.ts';
import type { CallOptions, KubernetesPort } from './ports.ts';

const STATUS_PATH = '/ops/status';
const HOUR_SECONDS = 3_600;
const LIMIT_SECONDS = 12 * HOUR_SECONDS;

/** What an operator says of itself. */
export interface OperatorReport {
  readonly attested: boolean | undefined;
  /** What will end the operator unless it stops failing, the nearest end first; undefined while nothing does. */
  readonly countdown: OperatorCountdown | undefined;
}

export interface OperatorCountdown {
  /** `attestation_failing`, `salts_expired`, `store_stale`. */
  readonly cause: string;
  /** The store, where it is one. */
  readonly subject: string | undefined;
  /** ISO 8601. */
  readonly since: string | undefined;
  readonly secondsLeft: number;
}

/**
 * Asks one pod for `GET /ops/status` through the API server. Undefined from releases without that page, and where the API
 * server does not reach the pod: then the log has to do.
 */
export async function askOperator(
  cluster: KubernetesPort,
  { metadata }: KubernetesObject,
  options: CallOptions,
): Promise<OperatorReport | undefined> {
  try {
    const { name, namespace = 'default' } = metadata;
    const answer = await cluster.proxyGet(namespace, name, operatorPort, STATUS_PATH, options);
    return answer.status === 200 ? reportIn(answer.body) : undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof DependencyError) return undefined;
    throw error;
  }
}

function reportIn(body: string): OperatorReport | undefined {
  let page: unknown;
  try {
    page = JSON.parse(body);
  } catch {
    return undefined; // another program, or a release without this page
  }
  const attested = valueAt(page, 'attestation.attested');
  if (typeof attested !== 'boolean') return undefined;
  // The attestation's own countdown first: another one may be nearer, and says less about what to do.
  const at = ['attestation.shutdown', 'shutdown'].find((path) => numberAt(page, `${path}.secondsLeft`) !== undefined);
  if (at === undefined) return { attested, countdown: undefined };
  return {
    attested,
    countdown: {
      cause: textAt(page, `${at}.cause`) ?? 'unknown',
      subject: textAt(page, `${at}.subject`),
      since: textAt(page, `${at}.since`),
      secondsLeft: numberAt(page, `${at}.secondsLeft`) ?? 0,
    },
  };
}

/** Whether somebody has to act: a store that missed one refresh has eleven more hours of its own. */
export function isPressing({ cause, secondsLeft }: OperatorCountdown): boolean {
  return cause !== 'store_stale' || secondsLeft < LIMIT_SECONDS - HOUR_SECONDS;
}

/** `attestation fails since 2026-11-22T08:00:00.000Z; the operator ends itself in 9 h 20 min` */
export function countdownText({ cause, subject, since, secondsLeft }: OperatorCountdown): string {
  const causes: Readonly<Record<string, string>> = {
    attestation_failing: 'attestation fails',
    salts_expired: 'all salts are expired',
    store_stale: `${subject ?? 'a store'} is not refreshed`,
  };
  const what = causes[cause] ?? cause;
  const from = since === undefined ? '' : ` since ${since}`;
  return `${what}${from}; the operator ends itself in ${durationText(secondsLeft * 1_000)}`;
}
