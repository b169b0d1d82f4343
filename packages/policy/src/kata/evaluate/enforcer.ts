import { MalformedError, PlatformError, UnsupportedError } from '@holdfast/base';
import type { z } from 'zod';

import { checkPolicyData } from '../policy-data-check.ts';
import type { KataPolicyData, KataProfile } from '../policy-data.ts';
import { type KataPolicyDocument, parseKataPolicy } from '../policy-document.ts';
import { constantRules, knownRules } from '../rules.ts';
import { annotationKeys } from './context.ts';
import { evaluateCreateContainer } from './create-container.ts';
import { allowed, denied, type KataDecision } from './decision.ts';
import { allowedByDefault, switches } from './defaults.ts';
import { evaluateExecMs, evaluateExecUpstream } from './exec-process.ts';
import {
  evaluateAddArpNeighbors,
  evaluateCopyFile,
  evaluateCreateSandbox,
  evaluateUpdateInterface,
  evaluateUpdateRoutes,
} from './other-requests.ts';
import { KataPatterns } from './patterns.ts';
import {
  addArpNeighborsSchema,
  copyFileSchema,
  type CreateContainerRequest,
  createContainerSchema,
  createSandboxSchema,
  execProcessSchema,
  readRequest,
  removeContainerSchema,
  updateInterfaceSchema,
  updateRoutesSchema,
} from './request.ts';

/** A request to the Kata agent: its name, such as `CreateContainerRequest`, and its message as JSON. */
export interface KataRequest {
  readonly type: string;
  readonly input: unknown;
}

/** Answers requests as the agent of one sandbox does. */
export interface KataEnforcer {
  /** `constant` for a policy without rules or data, which answers every request in the same way. */
  readonly profile: KataProfile | 'constant';
  /** Decides, and, upstream, remembers what an allowed request fixes. Never throws for what is in a request. */
  readonly enforce: (request: KataRequest) => KataDecision;
}

/** What the upstream agent keeps between requests. */
interface SandboxState {
  sandboxName: string | undefined;
  namespace: string | undefined;
  networkNamespace: string | undefined;
  /** Container id to index of the policy's container. */
  readonly containers: Map<string, number>;
}

/**
 * An enforcer for one sandbox.
 * @param policy the text of a policy, whose rules part then selects the profile, or `policy_data`
 * @param profile needed with `policy_data`; with a text it must agree with the rules
 * @throws MalformedError KATA_POLICY_MALFORMED
 * @throws UnsupportedError KATA_RULES_UNKNOWN when the rules are none of those this release evaluates
 */
export function createKataEnforcer(policy: string | KataPolicyData, profile?: KataProfile): KataEnforcer {
  if (typeof policy === 'string') {
    const constant = constantRules(policy);
    if (constant !== undefined) return constantEnforcer(constant);
    const document = parseKataPolicy(policy);
    return nativeEnforcer(profileOf(document, profile), document.policyData);
  }
  if (profile === undefined) {
    throw new MalformedError('KATA_POLICY_MALFORMED', 'A policy_data value alone does not say which rules it is for.', {
      action: 'Name the profile, or pass the whole text of the policy.',
    });
  }
  return nativeEnforcer(profile, checkPolicyData(policy));
}

function profileOf(document: KataPolicyDocument, wanted: KataProfile | undefined): KataProfile {
  const known = knownRules(document.rulesSha256);
  if (known !== undefined && (wanted === undefined || wanted === known.profile)) return known.profile;
  throw new UnsupportedError(
    'KATA_RULES_UNKNOWN',
    `The rules part has the SHA-256 ${document.rulesSha256}, which ${known === undefined ? 'is none that can be evaluated here' : `belongs to the ${known.profile} profile`}.`,
    { details: { rulesSha256: document.rulesSha256 } },
  );
}

function constantEnforcer(answers: ReadonlyMap<string, boolean>): KataEnforcer {
  return {
    profile: 'constant',
    enforce: ({ type }) => {
      if (answers.get(type) === true || answers.get('AllowRequestsFailingPolicy') === true) return allowed(type);
      const message = answers.has(type) ? 'the policy denies it always.' : 'the policy does not mention it.';
      return denied(type, [
        { container: null, predicate: 'constant', policy: answers.get(type), request: type, message },
      ]);
    },
  };
}

type Handler = (input: unknown) => KataDecision;

function nativeEnforcer(profile: KataProfile, policy: KataPolicyData): KataEnforcer {
  const patterns = new KataPatterns(policy.common);
  const handlers = profile === 'ms' ? msHandlers(policy, patterns) : upstreamHandlers(policy, patterns);
  return {
    profile,
    enforce: ({ type, input }) => {
      patterns.renewBudget();
      try {
        const handler = handlers.get(type);
        return handler === undefined ? byDefault(profile, policy, type) : handler(input);
      } catch (thrown) {
        if (!(thrown instanceof PlatformError)) throw thrown;
        // Rules that cannot be evaluated to the end have no answer, and a request without an answer is blocked.
        return denied(type, [
          { container: null, predicate: 'evaluation', policy: null, request: null, message: thrown.message },
        ]);
      }
    },
  };
}

function byDefault(profile: KataProfile, policy: KataPolicyData, type: string): KataDecision {
  const name = switches.find((known) => known === type);
  const value = name === undefined ? allowedByDefault(profile, type) : policy.request_defaults[name] === true;
  if (value) return allowed(type);
  const message = name === undefined ? 'The rules never allow it.' : 'The settings switch it off.';
  return denied(type, [{ container: null, predicate: 'default', policy: false, request: type, message }]);
}

/** A handler that reads its request first; what is not such a request is denied. */
function reading<T>(type: string, schema: z.ZodType<T>, decide: (request: T) => KataDecision): [string, Handler] {
  return [
    type,
    (input) => {
      const read = readRequest(schema, input);
      if (read.ok) return decide(read.request);
      const message = `The request cannot be read: ${read.field === '' ? '' : `${read.field}: `}${read.problem}.`;
      return denied(type, [{ container: null, predicate: 'request', policy: null, request: read.field, message }]);
    },
  ];
}

function msHandlers(policy: KataPolicyData, patterns: KataPatterns): Map<string, Handler> {
  return new Map([
    reading('CreateContainerRequest', createContainerSchema, (request) =>
      evaluateCreateContainer('ms', policy, request, patterns),
    ),
    reading('ExecProcessRequest', execProcessSchema, (request) => evaluateExecMs(policy, request, patterns)),
    reading('CreateSandboxRequest', createSandboxSchema, (request) => evaluateCreateSandbox(policy, request)),
    reading('CopyFileRequest', copyFileSchema, (request) => evaluateCopyFile('ms', policy, request, patterns)),
  ]);
}

function upstreamHandlers(policy: KataPolicyData, patterns: KataPatterns): Map<string, Handler> {
  const state: SandboxState = {
    sandboxName: undefined,
    namespace: undefined,
    networkNamespace: undefined,
    containers: new Map(),
  };
  return new Map([
    reading('CreateContainerRequest', createContainerSchema, (request) =>
      createWithState(policy, request, patterns, state),
    ),
    reading('ExecProcessRequest', execProcessSchema, (request) =>
      evaluateExecUpstream(policy, request, patterns, {
        index: state.containers.get(request.container_id),
        namespace: state.namespace,
      }),
    ),
    reading('RemoveContainerRequest', removeContainerSchema, (request) => {
      state.containers.delete(request.container_id);
      return allowed('RemoveContainerRequest');
    }),
    reading('CreateSandboxRequest', createSandboxSchema, (request) => evaluateCreateSandbox(policy, request)),
    reading('CopyFileRequest', copyFileSchema, (request) => evaluateCopyFile('upstream', policy, request, patterns)),
    reading('UpdateInterfaceRequest', updateInterfaceSchema, (request) => evaluateUpdateInterface(policy, request)),
    reading('UpdateRoutesRequest', updateRoutesSchema, (request) => evaluateUpdateRoutes(policy, request, patterns)),
    reading('AddARPNeighborsRequest', addArpNeighborsSchema, (request) =>
      evaluateAddArpNeighbors(policy, request, patterns),
    ),
  ]);
}

/** The first container fixes pod name, namespace and network namespace of the sandbox; later ones must have the same. */
function createWithState(
  policy: KataPolicyData,
  request: CreateContainerRequest,
  patterns: KataPatterns,
  state: SandboxState,
): KataDecision {
  const decision = evaluateCreateContainer('upstream', policy, request, patterns);
  if (!decision.allowed || decision.container === undefined) return decision;
  const name = request.OCI.Annotations[annotationKeys.sandboxName];
  const namespace = request.OCI.Annotations[annotationKeys.sandboxNamespace];
  const network = request.OCI.Linux.Namespaces.find(({ Type }) => Type === 'network')?.Path;
  const conflicts = (
    [
      ['sandbox name', state.sandboxName, name],
      ['namespace', state.namespace, namespace],
      ['network namespace', state.networkNamespace, network],
    ] as const
  ).filter(([, before, now]) => before !== undefined && now !== undefined && before !== now);
  if (conflicts.length > 0) {
    return denied(
      decision.request,
      conflicts.map(([what, before, now]) => ({
        container: null,
        predicate: 'state',
        policy: before,
        request: now,
        message: `The ${what} was ${before ?? ''} for an earlier container of this sandbox and cannot change to ${now ?? ''}.`,
      })),
    );
  }
  state.sandboxName ??= name;
  state.namespace ??= namespace;
  state.networkNamespace ??= network;
  state.containers.set(request.container_id, decision.container);
  return decision;
}
