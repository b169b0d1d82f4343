import { MalformedError, RequestError, UnsupportedError } from '@holdfast/base';

import { PatternMatcher } from '../regex/index.ts';
import type { LiteralValue, RegoLimits } from '../rego-literals/index.ts';
import { readLiteralPolicy, requireLiteralsOnly } from '../rego-literals/index.ts';
import type { CcePolicy } from './cce-policy.ts';
import { readCcePolicy } from './cce-policy.ts';
import { causesOfProcess, causesOfTexts } from './causes.ts';
import type { Cause } from './causes.ts';
import { evaluateCreate, evaluateExec } from './container-rules.ts';
import type { CceStep, Decision } from './decision.ts';
import { denialInput, encodeDenial, errorObjectOf, invalidPolicyReason, renderReason } from './denial.ts';
import { droppedCapabilities, droppedVariables } from './dropped.ts';
import { frameworkErrors, fragmentErrors } from './error-catalogue.ts';
import { EvaluationContext } from './evaluation-context.ts';
import { evaluateFragmentHeader, evaluateFragmentText } from './fragment-rules.ts';
import type { FragmentEvaluation } from './fragment-rules.ts';
import type { RuleAnswer } from './framework-rules.ts';
import { applyRule } from './framework-rules.ts';
import { currentApiVersion, currentFrameworkVersion, shippedDenialLimit } from './guest-defaults.ts';
import type { EnforcementPoint, PointName } from './points.ts';
import { enforcementPoints, isPointName } from './points.ts';
import type { ExecRequest, FragmentRequest, PointInputs } from './requests.ts';
import { createRequestOf, parseDefaultMounts, parsePointInput } from './requests.ts';
import type { CceState } from './state.ts';
import { initialState } from './state.ts';
import { compareVersions } from './versions.ts';

export interface CceEnforcerOptions {
  /** Framework inside the guest, default and newest 0.5.0. */
  readonly frameworkVersion?: string;
  /** Enforcement API of the guest, default and newest 0.12.0. */
  readonly apiVersion?: string;
  /** Longest denial text in characters, default 3072 as shipped; 0 means unlimited. */
  readonly denialLimit?: number;
  /** Only `linux` guests can be evaluated. */
  readonly os?: string;
  readonly limits?: Partial<RegoLimits>;
  readonly matcher?: PatternMatcher;
}

/** One guest with one policy. Holds what the guest remembers between steps. */
export interface CceEnforcer {
  readonly policy: CcePolicy;
  /**
   * Decides one step and, when it is allowed, remembers its effect. Throws `CCE_POINT_UNKNOWN` and `CCE_REQUEST_INVALID`
   * for steps that the guest could not have asked, `REGO_CUSTOM_RULE` for a fragment that needs a full evaluator and
   * `REGEX_BUDGET_EXCEEDED` for one decision that would take too long; the state is then unchanged.
   */
  enforce(step: CceStep): Decision;
  /** The state now; `restore` it to undo a multi-step operation of the guest. States never change. */
  snapshot(): CceState;
  restore(state: CceState): void;
}

type Resolution =
  | { readonly kind: 'framework' }
  | { readonly kind: 'answer'; readonly answer: RuleAnswer }
  | { readonly kind: 'invalid'; readonly policyError: string };

const reservedNamespaces: ReadonlySet<string> = new Set(['framework', 'api', 'policy', 'metadata']);
const packageLine = /^package[ \t]+([A-Za-z_][A-Za-z0-9_]*)[ \t\r]*$/;

/**
 * The guest agent's policy enforcement for a CCE policy, natively: framework 0.5.0 and enforcement API 0.12.0, which also
 * judge policies of older versions. Throws `REGO_*`, `CCE_POLICY_*` for texts it cannot evaluate and
 * `CCE_GUEST_UNSUPPORTED` for a guest it does not know.
 */
export function createCceEnforcer(policyText: string, options: CceEnforcerOptions = {}): CceEnforcer {
  const frameworkVersion = knownVersion('framework', options.frameworkVersion, currentFrameworkVersion);
  knownVersion('enforcement API', options.apiVersion, currentApiVersion);
  if (options.os !== undefined && options.os !== 'linux') throw unsupportedGuest(`operating system ${options.os}`);
  const policy = readCcePolicy(policyText, frameworkVersion, options.limits);
  return new GuestEnforcer(policy, frameworkVersion, options);
}

class GuestEnforcer implements CceEnforcer {
  readonly policy: CcePolicy;
  readonly #frameworkVersion: string;
  readonly #denialLimit: number;
  readonly #limits: Partial<RegoLimits>;
  readonly #matcher: PatternMatcher;
  #state: CceState = initialState;

  constructor(policy: CcePolicy, frameworkVersion: string, options: CceEnforcerOptions) {
    this.policy = policy;
    this.#frameworkVersion = frameworkVersion;
    this.#denialLimit = options.denialLimit ?? shippedDenialLimit;
    this.#limits = options.limits ?? {};
    this.#matcher = options.matcher ?? new PatternMatcher();
  }

  snapshot(): CceState {
    return this.#state;
  }

  restore(state: CceState): void {
    this.#state = state;
  }

  enforce(step: CceStep): Decision {
    this.#matcher.renewBudget();
    if (step.point === 'extend_default_mounts') return this.#extendDefaultMounts(step.input);
    if (!isPointName(step.point)) {
      throw new RequestError('CCE_POINT_UNKNOWN', 'A step names an enforcement point that the guest does not have.', {
        details: { point: step.point.slice(0, 100) },
      });
    }
    if (step.point === 'load_fragment') return this.#loadFragment(parsePointInput('load_fragment', step.input));
    return this.#ask(step.point, parsePointInput(step.point, step.input));
  }

  #extendDefaultMounts(input: unknown): Decision {
    const { mounts } = parseDefaultMounts(input);
    this.#state = { ...this.#state, defaultMounts: [...this.#state.defaultMounts, ...mounts] };
    return { point: 'extend_default_mounts', allowed: true, ...noFindings };
  }

  #context(): EvaluationContext {
    return new EvaluationContext(this.policy, this.#state, this.#matcher, this.#frameworkVersion);
  }

  #ask<P extends Exclude<PointName, 'load_fragment'>>(point: P, input: PointInputs[P]): Decision {
    const context = this.#context();
    const resolution = this.#resolve(point);
    if (resolution.kind === 'invalid') return this.#invalid(point, denialInput(point, input), resolution.policyError);
    const answer = resolution.kind === 'answer' ? resolution.answer : applyRule(point, input, context);
    if (!answer.allowed) return this.#denied(point, input, context);
    const decision = allowedDecision(point, input, answer, context);
    if (answer.next !== undefined) this.#state = answer.next;
    return decision;
  }

  /** Where the answer for a point comes from: the policy's binding, or what the API says for policies too old to know it. */
  #resolve(point: PointName): Resolution {
    const { apiVersion, bindings } = this.policy;
    if (apiVersion === undefined) {
      return { kind: 'invalid', policyError: 'policy does not define api_version' };
    }
    const binding = bindings.get(point);
    if (binding?.kind === 'framework') return { kind: 'framework' };
    const definition: EnforcementPoint = enforcementPoints[point];
    if (binding !== undefined) {
      const allowStdio = binding.allowStdio ?? definition.allowStdio;
      const keptEnv = binding.envList ?? undefined;
      return { kind: 'answer', answer: { allowed: binding.allowed, ...defined({ allowStdio, keptEnv }) } };
    }
    const older = compareVersions(apiVersion, definition.introduced);
    if (older !== -1) {
      return { kind: 'invalid', policyError: `rule for ${point} is missing from policy` };
    }
    if (definition.whenAbsent === 'framework') return { kind: 'framework' };
    const allowed = definition.whenAbsent === 'allow';
    return { kind: 'answer', answer: { allowed, ...defined({ allowStdio: definition.allowStdio }) } };
  }

  #denied<P extends Exclude<PointName, 'load_fragment'>>(
    point: P,
    input: PointInputs[P],
    context: EvaluationContext,
  ): Decision {
    const errors = frameworkErrors(point, input, context);
    const { causes, candidates } = processFindings(point, input, errors, context);
    return {
      ...this.#refusal(point, { ...denialInput(point, input), rule: point }, errors, targetOf(input), context),
      candidates,
      causes,
    };
  }

  #refusal(
    point: PointName,
    input: Record<string, LiteralValue>,
    errors: readonly string[],
    target: string | undefined,
    context: EvaluationContext,
  ): Decision {
    const reason = renderReason(this.policy.reason, errors, errorObjects(point, input, context));
    const denial = encodeDenial({ decision: 'deny', input, reason }, point, this.#denialLimit, target);
    return { point, allowed: false, ...noFindings, errors, denial, causes: causesOfTexts(point, errors) };
  }

  #invalid(point: PointName, input: Record<string, LiteralValue>, policyError: string): Decision {
    const denial = encodeDenial(
      { decision: 'deny', input, policyError, reason: invalidPolicyReason },
      point,
      this.#denialLimit,
    );
    const code = policyError.includes('api_version')
      ? 'API_VERSION_MISSING'
      : policyError.startsWith('rule for')
        ? 'RULE_MISSING'
        : 'POLICY_CONFLICT';
    return { point, allowed: false, ...noFindings, policyError, denial, causes: [{ code, error: policyError }] };
  }

  #loadFragment(request: FragmentRequest): Decision {
    const namespace = packageLine.exec(request.rego.split('\n', 1)[0] ?? '')?.[1];
    if (namespace === undefined)
      return plainError('unable to load fragment: the first line must be a package statement');
    if (reservedNamespaces.has(namespace)) {
      return plainError(
        `unable to load fragment: namespace "${namespace}" is reserved and cannot be used for fragments`,
      );
    }
    const context = this.#context();
    const resolution = this.#resolve('load_fragment');
    const shown = fragmentInput(request, namespace);
    if (resolution.kind === 'invalid') return this.#invalid('load_fragment', shown(false), resolution.policyError);
    if (resolution.kind === 'answer') {
      return resolution.answer.allowed
        ? { point: 'load_fragment', allowed: true, ...noFindings }
        : this.#refusedFragment(request, evaluateFragmentHeader(request, context), shown(false), context);
    }
    const header = evaluateFragmentHeader(request, context);
    if (!header.allowed) return this.#refusedFragment(request, header, shown(false), context);
    const document = this.#readFragment(request.rego);
    if (document instanceof MalformedError) return plainError(`unable to load fragment: ${document.message}`);
    const evaluation = evaluateFragmentText(request, document, context);
    if (evaluation.conflict) {
      const policyError = 'eval_conflict_error: complete rules must not produce multiple outputs';
      return this.#invalid('load_fragment', shown(true), policyError);
    }
    if (!evaluation.allowed) return this.#refusedFragment(request, evaluation, shown(true), context);
    this.#remember(request, evaluation);
    return { point: 'load_fragment', allowed: true, ...noFindings };
  }

  #readFragment(rego: string): ReturnType<typeof readLiteralPolicy> | MalformedError {
    try {
      const document = readLiteralPolicy(rego, this.#limits);
      requireLiteralsOnly(document, 'fragment');
      return document;
    } catch (error) {
      // The guest answers a text that does not compile with a plain error, so that is a decision and not a failure.
      if (error instanceof MalformedError) return error;
      throw error;
    }
  }

  #refusedFragment(
    request: FragmentRequest,
    evaluation: FragmentEvaluation,
    input: Record<string, LiteralValue>,
    context: EvaluationContext,
  ): Decision {
    const errors = fragmentErrors(request, evaluation, context);
    return this.#refusal('load_fragment', { ...input, rule: 'load_fragment' }, errors, undefined, context);
  }

  #remember(request: FragmentRequest, evaluation: FragmentEvaluation): void {
    const declarations = evaluation.text?.declarations;
    if (declarations === undefined) return;
    const includes = evaluation.admitting[0]?.includes ?? [];
    const fragment = { issuer: request.issuer, feed: request.feed, includes, declarations };
    this.#state = { ...this.#state, fragments: [fragment, ...this.#state.fragments] };
  }
}

const noFindings = { errors: [], droppedEnvironment: [], droppedCapabilities: [], candidates: [], causes: [] } as const;

function allowedDecision(point: PointName, input: unknown, answer: RuleAnswer, context: EvaluationContext): Decision {
  const startsProcess = point === 'create_container' || point === 'exec_in_container' || point === 'exec_external';
  if (!startsProcess) return { point, allowed: true, ...noFindings };
  const request = input as ExecRequest;
  const requested = [...new Set(request.envList)];
  const remaining = answer.keptEnv === undefined ? undefined : new Set(answer.keptEnv);
  const keptEnv = remaining === undefined ? requested : requested.filter((variable) => remaining.has(variable));
  const keptCapabilities = answer.keptCapabilities ?? request.capabilities ?? undefined;
  const candidates = answer.next?.matches.get(request.containerID) ?? [];
  const rules = candidates.flatMap((candidate) => candidate.envRules ?? []);
  return {
    point,
    allowed: true,
    ...noFindings,
    keptEnv,
    ...defined({ keptCapabilities, allowStdio: answer.allowStdio }),
    droppedEnvironment: droppedVariables(request.envList, keptEnv, rules, context.matcher),
    droppedCapabilities: droppedCapabilities(request.capabilities, keptCapabilities),
  };
}

function processFindings(
  point: PointName,
  input: unknown,
  errors: readonly string[],
  context: EvaluationContext,
): Pick<Decision, 'causes' | 'candidates'> {
  if (point !== 'create_container' && point !== 'exec_in_container') {
    return { causes: causesOfTexts(point, errors), candidates: [] };
  }
  const create = point === 'create_container' ? createRequestOf(input as PointInputs['create_container']) : undefined;
  const request = create ?? (input as ExecRequest);
  const evaluation = create === undefined ? evaluateExec(request, context) : evaluateCreate(create, context);
  const started = context.state.started.has(request.containerID);
  const traces = evaluation.traces();
  const { outcome, surviving } = evaluation;
  const causes: readonly Cause[] = causesOfProcess({
    point,
    errors,
    hasCandidates: evaluation.matches !== undefined,
    idReused: create !== undefined && started,
    notStarted: create === undefined && !started,
    environmentAmbiguous: surviving.length > 0 && outcome.keptEnv === undefined,
    capabilitiesAmbiguous: outcome.capabilitiesAmbiguous,
    stdioAmbiguous: evaluation.stdioAmbiguous,
    traces,
  });
  return { causes, candidates: traces };
}

/** What a full reason lists beside the texts: the candidates the point looked at. */
function errorObjects(point: PointName, input: Record<string, LiteralValue>, context: EvaluationContext): LiteralValue {
  const id = input['containerID'];
  const matches = typeof id === 'string' ? context.state.matches.get(id) : undefined;
  switch (point) {
    case 'create_container':
    case 'exec_in_container':
    case 'signal_container_process':
    case 'shutdown_container':
      return (matches ?? []).map((candidate) => errorObjectOf(candidate.fields));
    case 'mount_overlay':
      return context.candidates().map((candidate) => errorObjectOf(candidate.fields));
    case 'exec_external':
      return context.externalProcesses().map((process) => process.fields);
    default:
      return [];
  }
}

function fragmentInput(
  request: FragmentRequest,
  namespace: string,
): (fragmentLoaded: boolean) => Record<string, LiteralValue> {
  return (fragmentLoaded) => ({
    feed: request.feed,
    fragment_loaded: fragmentLoaded,
    has_header_svn: request.headerSvn !== undefined && request.headerSvn !== null,
    header_svn: request.headerSvn ?? null,
    issuer: request.issuer,
    namespace,
    receipts: request.receipts.map((receipt) => receipt.issuer),
  });
}

function plainError(message: string): Decision {
  const causes: readonly Cause[] = [{ code: 'FRAGMENT_NAMESPACE', error: message }];
  return { point: 'load_fragment', allowed: false, ...noFindings, plainError: message, causes };
}

function targetOf(input: unknown): string | undefined {
  const { target, unmountTarget } = input as { readonly target?: string; readonly unmountTarget?: string };
  return target ?? unmountTarget;
}

function knownVersion(what: string, version: string | undefined, newest: string): string {
  const chosen = version ?? newest;
  const order = compareVersions(chosen, newest);
  if (order === undefined || order > 0) throw unsupportedGuest(`${what} ${chosen.slice(0, 40)}`);
  return chosen;
}

function unsupportedGuest(what: string): UnsupportedError {
  return new UnsupportedError('CCE_GUEST_UNSUPPORTED', `A guest with ${what} is not one this release knows.`);
}

/** Without the members that are undefined. */
function defined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
