import { describe, expect, it } from 'vitest';

import { causeRows, diagnosePod, diagnosisLines } from '../../src/index.ts';
import type { CauseId, PodDiagnosis } from '../../src/index.ts';
import { now, podFacts, restarting } from './pods.ts';
import type { PodInput } from './pods.ts';

const diagnose = (input: PodInput): PodDiagnosis => diagnosePod(podFacts(input));
const denial = (decision: unknown): string =>
  `failed to create container: policyDecision< ${Buffer.from(JSON.stringify(decision)).toString('base64')} >policyDecision`;

const creating = { waiting: ['ContainerCreating', ''] } as const;
const traceback = (problem: string): string =>
  `INFO starting\nERROR Unexpected failure while starting up\nTraceback (most recent call last):\n${problem}\n`;

/** One pod for each cause that there is. */
const cases: Readonly<Record<CauseId, PodInput>> = {
  'virtual-node-missing': {
    scheduled: false,
    events: [{ reason: 'FailedScheduling', message: '0/2 nodes are available' }],
    virtualNodes: [{ name: 'virtualnode-0', ready: false }],
  },
  unschedulable: { scheduled: false, events: [{ reason: 'FailedScheduling', message: '0/3 nodes: too many pods' }] },
  'roles-missing': {
    operator: creating,
    events: [
      {
        message:
          "AuthorizationFailed: client does not have authorization to perform action 'Microsoft.ContainerInstance/containerGroups/write'",
      },
    ],
  },
  'identity-not-assignable': {
    operator: creating,
    events: [
      {
        message: 'LinkedAuthorizationFailed: Microsoft.ManagedIdentity/userAssignedIdentities/assign/action on the id',
      },
    ],
  },
  'no-capacity': { operator: creating, events: [{ message: 'ContainerGroupQuotaReached: Resource type limit' }] },
  'policy-denied': {
    operator: creating,
    events: [
      {
        message: denial({
          decision: 'deny',
          input: { rule: 'create_container' },
          reason: { errors: ['invalid command'] },
        }),
      },
    ],
  },
  'image-layers-changed': {
    operator: creating,
    events: [
      {
        message: denial({
          decision: 'deny',
          input: { rule: 'mount_device' },
          reason: { errors: ['deviceHash not found'] },
        }),
      },
    ],
  },
  'image-pull': { operator: { waiting: ['ImagePullBackOff', 'Back-off pulling image'] } },
  E01: { operator: restarting, log: 'ERROR E01: InstanceProfileMissingError' },
  E02: { operator: restarting, log: 'ERROR E02: OperatorKeyNotFoundError: no secret' },
  E03: { operator: restarting, log: 'ERROR E03: ConfigurationMissingError: VAULT_NAME' },
  E04: { operator: restarting, log: 'ERROR E04: ConfigurationValueError: DEPLOYMENT_ENVIRONMENT' },
  E05: { operator: restarting, log: 'ERROR E05: OperatorKeyValidationError' },
  E06: { operator: restarting, log: 'ERROR E06: UID2ServicesUnreachableError' },
  E08: { operator: restarting, log: 'ERROR E08: OperatorKeyPermissionError' },
  'vault-forbidden': {
    operator: restarting,
    log: traceback('azure.core.exceptions.HttpResponseError: (Forbidden) Caller is not authorized'),
  },
  'vault-firewall': { operator: restarting, log: traceback('(Forbidden) Inner error: ForbiddenByFirewall') },
  'secret-disabled': { operator: restarting, log: traceback('(Forbidden) Inner error: { "code": "SecretDisabled" }') },
  'vault-unreachable': {
    operator: restarting,
    log: traceback("Failed to resolve 'my-vault.vault.azure.net' ([Errno -2] Name or service not known)"),
  },
  E12: { log: 'ERROR E12: Data Download Failure - HTTP response code 500', age: 60 },
  'sidecar-not-ready': { operator: restarting, log: 'SKR sidecar not ready after 15 attempts' },
  'attestation-refused': {
    operator: restarting,
    previousLog:
      'core attestation failed with AttestationFailure, shutting down operator, core response: {"status":"attestation failure"}',
  },
  'attestation-failing': {
    ready: true,
    log: '{"level":50,"time":"2026-11-22T10:00:00.000Z","result":"failed","status":500,"msg":"attestation did not succeed"}',
  },
  'attestation-failed-too-long': {
    operator: restarting,
    log: 'core attestation has been in failed state for too long. shutting down operator',
  },
  'salts-expired': {
    operator: restarting,
    log: 'salts have been in expired state for too long. shutting down operator',
  },
  'store-stale': {
    operator: restarting,
    log: "Store 'salts' has not refreshed successfully for 12 hours (PT12H1M). Shutting down operator",
  },
  'configuration-file-missing': { operator: { ...restarting, ended: [1, 'Error'] } },
  'out-of-memory': {
    operator: restarting,
    log: "subprocess.CalledProcessError: Command '['java']' died with <Signals.SIGKILL: 9>.",
  },
  'ended-without-reason': { operator: restarting, log: 'bye' },
  'back-off': { operator: { ...restarting, ended: [3, 'Error'] } },
  'not-ready': { events: [{ reason: 'Unhealthy', message: 'Readiness probe failed: connection refused', count: 30 }] },
  starting: { age: 2 },
  unknown: { operator: { waiting: ['ContainerCreating', ''] } },
};

describe('diagnosePod', () => {
  it.each(Object.keys(causeRows) as CauseId[])('finds %s', (id) => {
    const { cause } = diagnose(cases[id]);
    expect(cause?.id).toBe(id);
    expect(cause?.action).not.toBe('');
  });

  it('finds nothing wrong with a pod that is ready, whatever it once failed with', () => {
    const diagnosis = diagnose({
      ready: true,
      previousLog: 'E06: UID2ServicesUnreachableError',
      operator: { restarts: 1 },
    });
    expect(diagnosis).toMatchObject({ state: 'healthy', cause: undefined });
  });

  it('finds the end of memory in exit code 137 alone', () => {
    expect(diagnose({ operator: { ...restarting, ended: [137, 'OOMKilled'] } }).cause?.id).toBe('out-of-memory');
  });

  it('decodes the decision of the policy and names what was denied', () => {
    const { cause } = diagnose(cases['policy-denied']);
    expect(cause?.title).toContain('create_container is denied');
    expect(cause?.evidence[0]?.text).toBe('create_container was denied: invalid command');
  });

  it('says so when the decision of the policy cannot be read', () => {
    const { cause } = diagnose({ operator: creating, events: [{ message: 'denied by policyDecision< !!! >' }] });
    expect(cause).toMatchObject({ id: 'policy-denied' });
    expect(cause?.title).toContain('cannot be read');
  });

  it('takes a refusal of the platform that lies before the start of the containers for settled', () => {
    const event = { message: 'AuthorizationFailed', at: now - 3 * 3_600_000 };
    const diagnosis = diagnose({ operator: restarting, events: [event], log: 'E06: UID2ServicesUnreachableError' });
    expect(diagnosis.cause?.id).toBe('E06');
    expect(diagnosis.further.map(({ id }) => id)).not.toContain('roles-missing');
  });

  it('takes the last line that ends an operator, not the first that complains', () => {
    const log = 'E12: Data Download Failure\ncore attestation failed with AttestationFailure, core response: x';
    expect(diagnose({ operator: restarting, log }).cause?.id).toBe('attestation-refused');
  });

  it('reads the log of the instance before when the present one says nothing', () => {
    const { cause } = diagnose({
      operator: restarting,
      log: 'starting',
      previousLog: 'E08: OperatorKeyPermissionError',
    });
    expect(cause?.id).toBe('E08');
    expect(cause?.evidence[0]?.source).toBe('log of uid2-operator before its last restart');
  });

  it('keeps control characters of logs out of what is shown', () => {
    const { cause } = diagnose({ operator: restarting, log: 'E02: \u001b[2Jgone' });
    expect(diagnosisLines(diagnose({ operator: restarting, log: 'E02: \u001b[2Jgone' })).join('\n')).not.toContain(
      '\u001b',
    );
    expect(cause?.evidence[0]?.text).toContain('E02');
  });
});

describe('attestation countdown', () => {
  const failed = (time: string, status = 500): string =>
    `{"time":"2026-11-22T${time}:00.000Z","result":"failed","status":${status},"msg":"attestation did not succeed"}`;

  it('counts twelve hours from the first failed answer after the last success', () => {
    const log = [failed('01:00'), '{"msg":"attested by Core"}', failed('09:00'), failed('11:59')].join('\n');
    const { attestation, state, cause } = diagnose({ ready: true, log });
    expect(attestation).toMatchObject({ state: 'failing', deadline: Date.parse('2026-11-22T21:00:00Z') });
    expect(state).toBe('degraded');
    expect(cause?.title).toContain('9 h 0 min are left, until 2026-11-22T21:00:00.000Z');
  });

  it('does not count what was not answered', () => {
    const log = `{"msg":"attested by Core"}\n{"time":"2026-11-22T01:00:00Z","result":"unreachable","reason":"ECONNREFUSED","msg":"attestation did not succeed"}`;
    expect(diagnose({ ready: true, log })).toMatchObject({ state: 'healthy', attestation: { state: 'attested' } });
  });

  it('says "at most" when the log begins with failures', () => {
    expect(diagnose({ ready: true, log: failed('10:00') }).cause?.title).toContain('are left at most');
  });

  it('reads the lines of the reference operator', () => {
    const log = '2026-11-22 08:00:00.123 [worker] WARN attestation failed with UID2 Core returning statusCode=503';
    expect(diagnose({ ready: true, log }).attestation).toMatchObject({
      state: 'failing',
      status: 503,
      since: Date.parse('2026-11-22T08:00:00.123Z'),
    });
  });

  it('tells a refused key from refused evidence', () => {
    const refused = (status: number) =>
      diagnose({
        operator: restarting,
        log: `{"status":${status},"msg":"core attestation failed with AttestationFailure, shutting down operator"}`,
      }).cause?.title;
    expect(refused(401)).toContain('operator key (401)');
    expect(refused(403)).toContain('evidence (403)');
  });
});
