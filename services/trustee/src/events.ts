import { createHash } from 'node:crypto';

import { trustStatus } from '@holdfast/attestation';
import { errorMessage, PlatformError } from '@holdfast/base';
import type { ErrorDetails } from '@holdfast/base';
import type { Logger } from '@holdfast/process';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

import type { Appraisal } from './appraisal/appraise.ts';
import { KbsRefusal } from './kbs/kbs-refusal.ts';

/** The facts worth knowing about this service, each as a log line and a number. No line holds a secret. */
export interface Events {
  challengeIssued(tee: string): void;
  /** With what every part of the guest was found to be, and the reference values that it did not meet. */
  attested(requestId: string, tee: string, token: string, appraisals: Readonly<Record<string, Appraisal>>): void;
  attestationRefused(requestId: string, tee: string, error: unknown): void;
  policyEvaluated(outcome: 'allowed' | 'denied' | 'failed'): void;
  resourceRead(requestId: string, path: string): void;
  /** An administrator changed something: what, who, and the SHA-256 of the new content. */
  changed(what: string, name: string, role: string, content: Uint8Array | undefined): void;
  requestRefused(requestId: string, target: string, variant: string, error: unknown): void;
  /** @param endpoint the first segment of the path; one that serves nothing counts as `other` */
  answered(endpoint: string, status: number, seconds: number): void;
}

const ENDPOINTS = new Set(['auth', 'attest', 'resource', 'attestation-policy', 'resource-policy', 'reference-value']);

/** @param sessions how many there are, asked when metrics are read */
export function createEvents(logger: Logger, registry: Registry, sessions: () => Promise<number>): Events {
  const count = createCounters(registry, async () => {
    try {
      return await sessions();
    } catch (error) {
      // A storage that does not answer must not take all other numbers with it.
      logger.warn(describe(error), 'sessions could not be counted');
      return Number.NaN;
    }
  });
  return {
    challengeIssued: (tee) => count.auth.inc({ tee }),
    attested: (requestId, tee, token, appraisals) => {
      count.attest.inc({ tee, outcome: 'success' });
      const parts = Object.entries(appraisals);
      const vectors = parts.map(([name, { appraisal }]) => `${name}: ${JSON.stringify(appraisal.vector)}`);
      const statuses = parts.map(([name, { appraisal }]) => `${name}: ${trustStatus(appraisal.vector)}`);
      const unmet = parts.flatMap(([part, outcome]) => outcome.unmet.map((reference) => ({ part, ...reference })));
      logger.info(
        { requestId, tee, tokenId: tokenIdOf(token), statuses, vectors, ...(unmet.length === 0 ? {} : { unmet }) },
        'attestation token issued',
      );
    },
    attestationRefused: (requestId, tee, error) => {
      count.attest.inc({ tee, outcome: 'failure' });
      logger.warn({ requestId, tee, ...describe(error) }, 'attestation refused');
    },
    policyEvaluated: (outcome) => count.policies.inc({ outcome }),
    resourceRead: (requestId, path) => {
      count.reads.inc();
      logger.info({ requestId, resource: path }, 'resource released');
    },
    changed: (what, name, role, content) => {
      count.changes.inc({ what });
      const sha256 = content === undefined ? undefined : createHash('sha256').update(content).digest('hex');
      logger.info({ audit: true, what, name, role, sha256 }, 'administrator changed something');
    },
    requestRefused: (requestId, target, variant, error) => {
      count.refusals.inc({ variant });
      // The first request of every client is refused with TokenNotFound: the handshake follows.
      const level = variant === 'TokenNotFound' ? 'debug' : 'warn';
      logger[level]({ requestId, target: target.slice(0, 300), variant, ...describe(error) }, 'request refused');
    },
    answered: (endpoint, status, seconds) => {
      count.durations.observe({ endpoint: ENDPOINTS.has(endpoint) ? endpoint : 'other', status }, seconds);
    },
  };
}

function createCounters(registry: Registry, sessions: () => Promise<number>) {
  const registers = [registry];
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  return {
    sessions: new Gauge({
      name: 'kbs_sessions',
      help: 'Sessions between their challenge and their end',
      registers,
      async collect() {
        this.set(await sessions());
      },
    }),
    auth: counter('kbs_auth_total', 'Challenges issued by kind of evidence', ['tee']),
    attest: counter('kbs_attest_total', 'Attestations by kind of evidence and outcome: success, failure', [
      'tee',
      'outcome',
    ]),
    policies: counter(
      'kbs_policy_evaluations_total',
      'Evaluations of the resource policy by outcome: allowed, denied, failed',
      ['outcome'],
    ),
    reads: counter('kbs_resource_reads_total', 'Resources handed out', []),
    changes: counter('kbs_admin_changes_total', 'Changes by administrators', ['what']),
    refusals: counter('kbs_refusals_total', 'Refused requests by kind', ['variant']),
    durations: new Histogram({
      name: 'kbs_request_duration_seconds',
      help: 'Seconds to answer a request by endpoint and status',
      labelNames: ['endpoint', 'status'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
  };
}

/** Tells in the log which token a request came with. Nothing can be asked with it. */
export function tokenIdOf(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 16);
}

function describe(error: unknown): Readonly<Record<string, unknown>> {
  const reasons: string[] = [];
  const codes: string[] = [];
  const facts: ErrorDetails[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && reasons.length < 6; at = causeOf(at)) {
    reasons.push(errorMessage(at));
    if (!(at instanceof PlatformError)) continue;
    codes.push(at.code);
    // The kind of a refusal is a field of its own.
    if (!(at instanceof KbsRefusal) && Object.keys(at.details).length > 0) facts.push(at.details);
  }
  return { codes, reasons, ...(facts.length === 0 ? {} : { facts }) };
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
