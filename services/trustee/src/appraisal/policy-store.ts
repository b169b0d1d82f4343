import { fromUtf8, PolicyError } from '@holdfast/base';
import { createRegoEngine, parseRegoModule } from '@holdfast/policy';
import type { RegoEngine, RegoEngineLimits, RegoHostFunction } from '@holdfast/policy';

import type { KeyValueStore } from '../storage/key-value-store.ts';

const MAX_COMPILED = 64;
/** About a fifth of a second of work: policies come from administrators, what they are asked about from anybody. */
const LIMITS: Partial<RegoEngineLimits> = { maxSourceLength: 1024 * 1024, maxSteps: 500_000, maxValueSize: 500_000 };

/** Policies of one store, compiled once per text, so that a change counts at once and costs nothing until then. */
export class PolicyStore {
  readonly #store: KeyValueStore;
  readonly #compiled = new Map<string, CompiledPolicy>();

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  /** Stores policies under names that have none yet. */
  async provide(defaults: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, text] of Object.entries(defaults)) {
      if ((await this.#store.get(key)) === undefined) await this.#store.set(key, Buffer.from(text, 'utf8'));
    }
  }

  /**
   * Compiles and stores a policy.
   * @throws MalformedError, UnsupportedError with the REGO_ codes of the policy package
   * @throws PolicyError TRUSTEE_APPRAISAL_FAILED when its package is not `policy`
   */
  async put(key: string, text: string): Promise<void> {
    compile(key, text);
    await this.#store.set(key, Buffer.from(text, 'utf8'));
  }

  /** The policy as it stands now, or undefined when there is none. */
  async load(key: string): Promise<CompiledPolicy | undefined> {
    const bytes = await this.#store.get(key);
    if (bytes === undefined) return undefined;
    const text = fromUtf8(bytes);
    const known = this.#compiled.get(key);
    if (known?.text === text) return known;
    const policy = compile(key, text);
    if (this.#compiled.size >= MAX_COMPILED) this.#compiled.clear();
    this.#compiled.set(key, policy);
    return policy;
  }

  list(): Promise<readonly string[]> {
    return this.#store.list();
  }
}

/** A policy ready to be asked. The values that `query_reference_value` finds are set for each question. */
export class CompiledPolicy {
  readonly text: string;
  readonly engine: RegoEngine;
  readonly #asked = new Map<string, Set<string>>();
  #lookup: RegoHostFunction['call'] = () => null;

  constructor(key: string, text: string) {
    this.text = text;
    const modules = [parseRegoModule(text, { file: key, limits: LIMITS })];
    if (modules[0]?.package.join('.') !== 'policy') {
      throw new PolicyError('TRUSTEE_APPRAISAL_FAILED', `${key}: the package of a policy has to be named policy`);
    }
    this.engine = createRegoEngine({
      modules,
      limits: LIMITS,
      hostFunctions: { query_reference_value: { arity: 1, call: (...values) => this.#lookup(...values) } },
    });
  }

  /** Reference values that evidence of a kind made the policy ask for so far. */
  askedFor(kind: string): Set<string> {
    let asked = this.#asked.get(kind);
    if (asked === undefined) {
      asked = new Set();
      this.#asked.set(kind, asked);
    }
    return asked;
  }

  /** Asks with `lookup` behind `query_reference_value`; nothing else is asked meanwhile, for all of it is synchronous. */
  ask<T>(lookup: RegoHostFunction['call'], question: (engine: RegoEngine) => T): T {
    this.#lookup = lookup;
    try {
      return question(this.engine);
    } finally {
      this.#lookup = () => null;
    }
  }
}

function compile(key: string, text: string): CompiledPolicy {
  return new CompiledPolicy(key, text);
}
