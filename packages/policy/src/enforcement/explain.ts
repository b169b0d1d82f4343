import type { CandidateTrace, PredicateResult } from './candidate-trace.ts';
import { furthestCandidate } from './candidate-trace.ts';
import type { Cause } from './causes.ts';
import { causesOfTexts } from './causes.ts';
import type { Decision, DroppedCapability, DroppedVariable } from './decision.ts';
import type { DecodedDenial } from './decode-denial.ts';
import { traceDenial } from './denial-trace.ts';
import type { PlatformProfile } from './platform-profiles/index.ts';
import type { Suggestion } from './suggestions.ts';
import { shown, suggestionsFor, uniqueSuggestions } from './suggestions.ts';

/** Why a step was denied and what to do, as data. `renderExplanation` makes a text of it. */
export interface Explanation {
  readonly point: string;
  readonly allowed: boolean;
  /** One sentence: what was denied and why. */
  readonly headline: string;
  readonly primary: Cause | undefined;
  readonly furtherCauses: readonly Cause[];
  /** One table for each candidate, the one that was probably meant first. */
  readonly candidates: readonly CandidateTrace[];
  readonly suggestions: readonly Suggestion[];
  /** Texts of the framework that only follow from the causes. */
  readonly followUps: readonly string[];
  readonly droppedEnvironment: readonly DroppedVariable[];
  readonly droppedCapabilities: readonly DroppedCapability[];
  /** What could not be known, such as parts that a message lost. */
  readonly notes: readonly string[];
}

export interface ExplainOptions {
  /** Tells platform variables from those of the manifest. */
  readonly profile?: PlatformProfile;
}

/** Explains a decision of the evaluator. */
export function explainDecision(decision: Decision, options: ExplainOptions = {}): Explanation {
  const notes = decision.plainError === undefined ? [] : [`The guest answers with: ${decision.plainError}`];
  return {
    ...explainCauses(decision.point, decision.allowed, decision.causes, decision.errors, options),
    candidates: furthestFirst(decision.candidates),
    droppedEnvironment: decision.droppedEnvironment,
    droppedCapabilities: decision.droppedCapabilities,
    notes,
  };
}

/**
 * Explains a message scraped from a pod. With the policy text, its containers are compared with what the message says of
 * the request; values of variables and the state of the guest stay unknown. Throws what `readCcePolicy` throws.
 */
export function explainDenial(denial: DecodedDenial, policyText?: string, options: ExplainOptions = {}): Explanation {
  const point = denial.point ?? 'unknown action';
  const candidates = policyText === undefined ? [] : traceDenial(denial, policyText);
  const causes = causesOfDenial(denial, candidates);
  return {
    ...explainCauses(point, false, causes, denial.errors, options),
    candidates: furthestFirst(candidates),
    droppedEnvironment: [],
    droppedCapabilities: [],
    notes: notesOf(denial, policyText !== undefined && candidates.length > 0),
  };
}

function causesOfDenial(denial: DecodedDenial, candidates: readonly CandidateTrace[]): readonly Cause[] {
  const { policyError } = denial;
  if (policyError !== undefined) {
    const code = policyError.includes('api_version') ? 'API_VERSION_MISSING' : 'RULE_MISSING';
    return [{ code: policyError.includes('conflict') ? 'POLICY_CONFLICT' : code, error: policyError }];
  }
  if (denial.errors.length === 0 && (denial.reasonText !== undefined || denial.decision['reason'] === undefined)) {
    return [{ code: 'UNEXPLAINED', ...(denial.reasonText === undefined ? {} : { error: denial.reasonText }) }];
  }
  const causes = causesOfTexts(denial.point ?? '', denial.errors);
  const furthest = furthestCandidate(candidates);
  return causes.map((cause): Cause => {
    const result = furthest?.predicates.find((candidate) => candidate.predicate === cause.predicate);
    if (furthest === undefined || result === undefined || result.passed) return cause;
    const { policyValue, requestValue } = result;
    return { offending: result.offending, ...cause, container: furthest.container, policyValue, requestValue };
  });
}

function explainCauses(
  point: string,
  allowed: boolean,
  causes: readonly Cause[],
  errors: readonly string[],
  options: ExplainOptions,
): Pick<Explanation, 'point' | 'allowed' | 'headline' | 'primary' | 'furtherCauses' | 'suggestions' | 'followUps'> {
  const [primary, ...others] = causes;
  // Noise: on exec these texts accompany every denial whose primary cause is another.
  const noise = (cause: Cause): boolean =>
    point === 'exec_in_container' && cause.container === undefined && isExecNoise(cause.error);
  const furtherCauses = others.filter((cause) => !noise(cause));
  const named = new Set([primary, ...furtherCauses].map((cause) => cause?.error));
  return {
    point,
    allowed,
    headline: allowed
      ? `${point} is allowed.`
      : `${point} is denied: ${primary === undefined ? 'no reason given' : describeCause(primary)}.`,
    primary,
    furtherCauses,
    suggestions: uniqueSuggestions(
      [...(primary === undefined ? [] : [primary]), ...furtherCauses].flatMap((cause) =>
        suggestionsFor(cause, point, options.profile),
      ),
    ),
    followUps: errors.filter((error) => !named.has(error)),
  };
}

function isExecNoise(error: string | undefined): boolean {
  return error === 'invalid noNewPrivileges' || error === 'invalid user';
}

function furthestFirst(candidates: readonly CandidateTrace[]): readonly CandidateTrace[] {
  const first = furthestCandidate(candidates);
  return first === undefined ? [] : [first, ...candidates.filter((candidate) => candidate !== first)];
}

function notesOf(denial: DecodedDenial, compared: boolean): readonly string[] {
  const notes: string[] = [];
  if (denial.cutOff) notes.push('The message was truncated in transit; texts after the cut are unknown.');
  if (denial.truncated.length > 0) {
    notes.push(`The guest left out ${denial.truncated.join(', ')} to keep the message short.`);
  }
  if (compared) notes.push('Compared with all containers of the policy; values of variables are redacted in messages.');
  return notes;
}

const sentences: Partial<Record<Cause['code'], string>> = {
  API_VERSION_MISSING: 'the policy does not define api_version, so the guest denies everything',
  RULE_MISSING: 'the policy has no rule for this action',
  POLICY_CONFLICT: 'two imports of the fragment include different parts, so the policy has no single answer',
  FRAMEWORK_VERSION: 'the policy states no framework version that this guest has',
  POINT_NOT_SUPPORTED: 'the framework never allows this action',
  FLAG_OFF: 'the flag of the policy for this action is off',
  LAYER_UNKNOWN: 'the image layer is not in the policy',
  TARGET_IN_USE: 'something is already mounted at the target',
  TARGET_INVALID: 'the target is outside the permitted directory',
  TARGET_UNKNOWN: 'nothing is mounted at the target',
  DEVICE_KIND: 'the mounted device is of the other kind (read-only or read-write)',
  SCRATCH_UNENCRYPTED: 'scratch space is not encrypted',
  FILESYSTEM_REFUSED: 'the file system of the scratch device is not acceptable',
  OVERLAY_REPEATED: 'the container already has an overlay',
  LAYERS_MISMATCH: 'no container of the policy has exactly these layers in this order',
  OVERLAY_MISSING: 'no image was admitted for this container id',
  CONTAINER_ID_REUSED: 'a container with this id was already started',
  CONTAINER_NOT_STARTED: 'no container with this id was started',
  ENVIRONMENT_AMBIGUOUS: 'candidates would keep different variables',
  CAPABILITIES_AMBIGUOUS: 'candidates would keep different capabilities',
  STDIO_AMBIGUOUS: 'candidates disagree about standard input and output',
  SIGNAL_REFUSED: 'the policy does not let the host send this signal to this process',
  FRAGMENT_ISSUER: 'no import names the issuer of the fragment',
  FRAGMENT_FEED: 'no import names the feed of the fragment',
  FRAGMENT_SVN: 'the security version of the fragment is missing, too low, or contradictory',
  FRAGMENT_VERSION: 'the fragment states no framework version that this guest has',
  FRAGMENT_RECEIPT: 'a required transparency receipt is missing',
  FRAGMENT_NAMESPACE: 'the fragment text cannot be loaded',
  TRUST_LIST: 'no trust list of the policy matches',
};

/** A cause as the end of a sentence. */
export function describeCause(cause: Cause): string {
  const sentence = sentences[cause.code];
  if (sentence !== undefined) return sentence;
  const where = cause.container === undefined ? '' : ` (container ${cause.container.name})`;
  const names = (cause.offending ?? []).join(', ');
  const several = (cause.offending ?? []).length > 1;
  switch (cause.predicate) {
    case 'environment':
      return `no rule accepts the environment ${several ? 'variables' : 'variable'} ${names || 'that was added'}${where}`;
    case 'requiredEnvironment':
      return `the required environment ${several ? 'variables' : 'variable'} ${names || 'of the policy'} ${several ? 'are' : 'is'} missing or different${where}`;
    case 'mounts':
      return `no rule accepts the mount at ${names}${where}`;
    case 'capabilities':
      return `the capabilities differ from the policy${names === '' ? '' : ` in ${names}`}${where}`;
    case undefined:
      return cause.error ?? 'the policy gives no reason';
    default:
      return `${subjects[cause.predicate]}${comparison(cause)}${where}`;
  }
}

const subjects = {
  noNewPrivileges: 'the container must not be able to gain privileges',
  user: 'the user, group or umask is not what the policy allows',
  privileged: 'the policy does not allow a privileged container',
  workingDir: 'the working directory differs',
  command: 'the command differs',
  seccomp: 'the seccomp profile differs',
  devices: 'device nodes cannot be admitted',
  signal: 'the signal is not allowed',
} as const;

function comparison(cause: Cause): string {
  const compared = cause.predicate === 'workingDir' || cause.predicate === 'command' || cause.predicate === 'seccomp';
  if (!compared || cause.policyValue === undefined) return '';
  return `: policy ${shown(cause.policyValue)}, request ${shown(cause.requestValue)}`;
}

/** The explanation as a text for a terminal or a log, without colours. */
export function renderExplanation(explanation: Explanation): string {
  const lines = [explanation.headline];
  const more = explanation.furtherCauses.map((cause) => `  - ${describeCause(cause)}`);
  if (more.length > 0) lines.push('', 'Also:', ...more);
  if (explanation.suggestions.length > 0) {
    lines.push('', 'What to do:');
    explanation.suggestions.forEach((suggestion, index) => {
      const about = suggestion.container === undefined ? '' : `[${suggestion.container}] `;
      lines.push(`  ${index + 1}. ${about}${suggestion.text}`);
    });
  }
  for (const candidate of explanation.candidates) lines.push('', ...renderCandidate(candidate));
  if (explanation.droppedEnvironment.length > 0) {
    lines.push('', 'Dropped environment variables:');
    lines.push(
      ...explanation.droppedEnvironment.map((variable) => `  - ${variable.name}: ${describeDropped(variable)}`),
    );
  }
  if (explanation.droppedCapabilities.length > 0) {
    const dropped = [...new Set(explanation.droppedCapabilities.map((entry) => entry.capability))];
    lines.push('', `Dropped capabilities: ${dropped.join(', ')}`);
  }
  if (explanation.followUps.length > 0) lines.push('', `Follow-up messages: ${explanation.followUps.join('; ')}`);
  lines.push(...explanation.notes.map((note) => `Note: ${note}`));
  return lines.join('\n');
}

export function describeDropped(variable: DroppedVariable): string {
  return variable.why === 'no-rule'
    ? 'no rule of the container names it'
    : `its value is not accepted by ${variable.rules.map((rule) => JSON.stringify(rule)).join(', ')}`;
}

function renderCandidate(candidate: CandidateTrace): readonly string[] {
  const { container, predicates } = candidate;
  const where = container.source === 'policy' ? '' : ` from ${container.source}`;
  return [`Container ${container.name}${where}:`, ...predicates.map(renderResult)];
}

function renderResult(result: PredicateResult): string {
  const name = `  ${result.passed ? 'ok  ' : 'FAIL'} ${result.predicate}`;
  if (result.passed) return name;
  if (result.offending.length > 0) return `${name}: ${result.offending.join(', ')}`;
  return `${name}: policy ${shown(result.policyValue)}, request ${shown(result.requestValue)}`;
}
