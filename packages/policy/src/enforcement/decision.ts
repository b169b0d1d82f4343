import type { CandidateTrace } from './candidate-trace.ts';
import type { Cause } from './causes.ts';
import type { Denial } from './denial.ts';
import type { CapabilitySetName, CapabilitySets } from './policy-container.ts';
import type { PointName } from './points.ts';

/** One action of the host that the guest asks the policy about. `input` is as the enforcement API has it. */
export interface CceStep {
  /** An enforcement point, or `extend_default_mounts`: what the guest itself does before a creation. */
  readonly point: string;
  readonly input?: unknown;
}

export interface DroppedVariable {
  /** Never the value. */
  readonly name: string;
  /** `no-rule`: no rule of the container names it; `value-refused`: rules name it, but not with this value. */
  readonly why: 'no-rule' | 'value-refused';
  /** The rules that name it, as they are written. */
  readonly rules: readonly string[];
}

export interface DroppedCapability {
  readonly set: CapabilitySetName;
  readonly capability: string;
}

/** What the guest decides about one step, with everything needed to understand it. */
export interface Decision {
  readonly point: PointName | 'extend_default_mounts';
  readonly allowed: boolean;
  /** The framework's texts, ascending; empty when allowed and for denials that have none. */
  readonly errors: readonly string[];
  /** The environment the process really gets, when the point starts one. */
  readonly keptEnv?: readonly string[];
  readonly keptCapabilities?: CapabilitySets;
  readonly allowStdio?: boolean;
  readonly droppedEnvironment: readonly DroppedVariable[];
  readonly droppedCapabilities: readonly DroppedCapability[];
  /** Encoded as the guest encodes it; absent when allowed or when the failure is a plain error. */
  readonly denial?: Denial;
  /** The policy could not be evaluated: a rule or the API version is missing, or an answer is ambiguous. */
  readonly policyError?: string;
  /** The guest answers with a plain error before it asks the policy. */
  readonly plainError?: string;
  /** One table for each container that was considered; empty for points that consider none. */
  readonly candidates: readonly CandidateTrace[];
  /** Why it was denied, the primary cause first. Empty when allowed. */
  readonly causes: readonly Cause[];
}
