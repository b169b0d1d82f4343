import { attestationOf, durationText } from './attestation.ts';
import type { AttestationState } from './attestation.ts';
import { cause } from './cause.ts';
import type { CauseId, DiagnosedCause } from './cause.ts';
import { oneLine } from './read-pod.ts';

interface LineRule {
  readonly id: CauseId;
  readonly pattern: RegExp;
}

/** Lines with which an operator ends, or cannot start: the last one counts. */
const endings: readonly LineRule[] = [
  { id: 'salts-expired', pattern: /salts have been in expired state for too long/i },
  { id: 'store-stale', pattern: /has not refreshed successfully for .*shutting down/i },
  { id: 'vault-firewall', pattern: /ForbiddenByFirewall/ },
  { id: 'vault-forbidden', pattern: /ForbiddenByRbac|OPERATOR_KEY_FORBIDDEN.*\b403\b|E08\b.*\b(?:403|Forbidden)\b/ },
  { id: 'secret-disabled', pattern: /SecretDisabled/ },
  { id: 'E01', pattern: /\bE01\b/ },
  { id: 'E02', pattern: /\bE02\b|OperatorKeyNotFoundError/ },
  { id: 'E03', pattern: /\bE03\b|ConfigurationMissingError/ },
  { id: 'E04', pattern: /\bE04\b|ConfigurationValueError/ },
  { id: 'E05', pattern: /\bE05\b|OperatorKeyValidationError/ },
  { id: 'E06', pattern: /\bE06\b|UID2ServicesUnreachableError/ },
  { id: 'E08', pattern: /\bE08\b|OperatorKeyPermissionError/ },
  { id: 'vault-unreachable', pattern: /OPERATOR_KEY_UNAVAILABLE/ },
  { id: 'sidecar-not-ready', pattern: /SKR sidecar not ready|SIDECAR_UNREACHABLE/ },
  { id: 'out-of-memory', pattern: /died with <?Signals\.SIGKILL|signal 9\b|SIGKILL|OutOfMemoryError/ },
];

/** Lines that explain an operator that has not ended, or one whose end has no line of its own. */
const troubles: readonly LineRule[] = [{ id: 'E12', pattern: /\bE12\b/ }];

const UNEXPECTED = /Unexpected failure while starting up/;
/** Lines before and after, because a stack trace comes on either side of it. */
const AROUND = 60;

/** The cause that a log tells, if it tells one. `source` says which log it is. */
export function causeInLog(log: string, source: string, now: number): DiagnosedCause | undefined {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const attestation = attestationCause(attestationOf(log), source, now);
  if (attestation !== undefined && attestation.id !== 'attestation-failing') return attestation;
  return (
    lastLine(lines, endings, source) ??
    unexpectedFailure(lines, source) ??
    attestation ??
    lastLine(lines, troubles, source)
  );
}

function lastLine(lines: readonly string[], rules: readonly LineRule[], source: string): DiagnosedCause | undefined {
  for (const line of lines.toReversed()) {
    const rule = rules.find(({ pattern }) => pattern.test(line));
    if (rule !== undefined) return cause(rule.id, [{ source, text: oneLine(line) }]);
  }
  return undefined;
}

/** The start script reports what it does not know under one sentence; what is around it tells a refusal from a wrong name. */
function unexpectedFailure(lines: readonly string[], source: string): DiagnosedCause | undefined {
  const index = lines.findLastIndex((line) => UNEXPECTED.test(line));
  if (index < 0) return undefined;
  const around = lines.slice(Math.max(0, index - AROUND), index + AROUND);
  const rules: readonly LineRule[] = [
    { id: 'vault-forbidden', pattern: /\(Forbidden\)|\b403\b|Forbidden\b/ },
    {
      id: 'vault-unreachable',
      pattern:
        /vault\.azure\.net.*(?:resol|refused|timed? ?out|unreachable|NameResolution|Max retries|getaddrinfo)|(?:resol|refused|timed? ?out|Max retries|getaddrinfo).*vault\.azure\.net|Name or service not known|Temporary failure in name resolution/i,
    },
  ];
  const line = (text: string | undefined): string => oneLine(text ?? '');
  for (const { id, pattern } of rules) {
    const found = around.findLast((text) => pattern.test(text));
    if (found === undefined) continue;
    const first = { source, text: line(lines[index]) };
    return cause(id, found === lines[index] ? [first] : [first, { source, text: line(found) }]);
  }
  return undefined;
}

/** What attestation says, with the countdown to the end of the operator. */
export function attestationCause(state: AttestationState, source: string, now: number): DiagnosedCause | undefined {
  switch (state.state) {
    case 'refused': {
      const evidence = [{ source, text: oneLine(state.line) }];
      const exact =
        state.status === 401
          ? { title: 'Core refused the operator key (401), and the operator ended at once.' }
          : state.status === 403
            ? { title: 'Core refused the evidence (403), and the operator ended at once.' }
            : {};
      return cause('attestation-refused', evidence, exact);
    }
    case 'failed-too-long':
      return cause('attestation-failed-too-long', [{ source, text: oneLine(state.line) }]);
    case 'failing': {
      const { deadline, status, mayBeOlder } = state;
      const left =
        deadline === undefined
          ? 'the log has no times, so the end of the 12 hours is not known'
          : `${durationText(deadline - now)} are left${mayBeOlder ? ' at most' : ''}, until ${new Date(deadline).toISOString()}`;
      return cause('attestation-failing', [{ source, text: oneLine(state.line) }], {
        title: `Core answers attestation with ${status ?? 'errors'}; the operator still serves, and ends 12 hours after the first such answer: ${left}.`,
      });
    }
    default:
      return undefined;
  }
}
