import type { PatternMatcher } from '../regex/index.ts';
import type { LiteralObject } from '../rego-literals/index.ts';
import { isLiteralArray } from '../rego-literals/index.ts';
import type {
  CceDeclarations,
  CcePolicy,
  ExternalProcess,
  FragmentImport,
  PlatformRule,
  TrustList,
} from './cce-policy.ts';
import { EnvironmentJudge } from './environment.ts';
import type { PolicyContainer } from './policy-container.ts';
import type { CceState, LoadedFragment } from './state.ts';

/** Everything one evaluation may look at. Made anew for each decision. */
export class EvaluationContext {
  readonly policy: CcePolicy;
  readonly state: CceState;
  readonly matcher: PatternMatcher;
  readonly environment: EnvironmentJudge;
  readonly frameworkVersion: string;

  constructor(policy: CcePolicy, state: CceState, matcher: PatternMatcher, frameworkVersion: string) {
    this.policy = policy;
    this.state = state;
    this.matcher = matcher;
    this.environment = new EnvironmentJudge(matcher);
    this.frameworkVersion = frameworkVersion;
  }

  /** Containers of the policy and of all loaded fragments, one clone for each platform rule if there are any. */
  candidates(): readonly PolicyContainer[] {
    const rules = this.#union('platform_rules', (declarations) => declarations.platformRules);
    const containers = this.#union('containers', (declarations) => declarations.containers);
    if (rules.length === 0) return containers;
    return containers.flatMap((container) => rules.map((rule) => withPlatformRule(container, rule)));
  }

  /** Whether some document declares the layer, whatever its framework version. */
  knowsLayer(hash: string): boolean {
    return this.#sources('containers').some((declarations) => declarations.layers.has(hash));
  }

  imports(): readonly FragmentImport[] {
    return this.#union('fragments', (declarations) => declarations.imports);
  }

  externalProcesses(): readonly ExternalProcess[] {
    return this.#union('external_processes', (declarations) => declarations.externalProcesses);
  }

  trustLists(): readonly TrustList[] {
    return this.#union('transparency_trust_lists', (declarations) => declarations.trustLists);
  }

  #union<T>(include: string, select: (declarations: CceDeclarations) => readonly T[]): readonly T[] {
    return this.#sources(include).flatMap(select);
  }

  /** The policy and the fragments whose import includes that part. */
  #sources(include: string): readonly CceDeclarations[] {
    const included = (fragment: LoadedFragment): boolean => fragment.includes.includes(include);
    return [this.policy, ...this.state.fragments.filter(included).map((fragment) => fragment.declarations)];
  }
}

function withPlatformRule(container: PolicyContainer, rule: PlatformRule): PolicyContainer {
  return {
    ...container,
    fields: {
      ...container.fields,
      ...appended(container.fields, 'env_rules', rule.fields.envRules),
      ...appended(container.fields, 'mounts', rule.fields.mounts),
    },
    envRules: container.envRules === undefined ? undefined : [...container.envRules, ...rule.envRules],
    mounts: container.mounts === undefined ? undefined : [...container.mounts, ...rule.mounts],
  };
}

function appended(fields: LiteralObject, name: string, more: PlatformRule['fields']['mounts']): LiteralObject {
  const own = fields[name];
  return isLiteralArray(own) ? { [name]: [...own, ...more] } : {};
}
