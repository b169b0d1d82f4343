import { limitExceeded } from './position.ts';
import type { RegoPosition } from './position.ts';
import type { ModuleNames, Resolved } from './module-names.ts';

const maxAttempts = 2_000_000;

/** Numbers the variables of one rule. */
export class SlotCounter {
  next = 0;
  /** The first variable found without a value in an expression that could not be placed. */
  unsafe: { readonly name: string; readonly at: RegoPosition } | undefined;
  #attempts = 0;

  /** Bounds the search for an order of expressions, which nested comprehensions repeat. */
  attempt(): void {
    this.#attempts++;
    if (this.#attempts > maxAttempts) throw limitExceeded('orders tried for the expressions of a rule', maxAttempts);
  }
}

/** Names visible in a body: its own, those of the bodies around it, then those of the module. */
export class Scope {
  readonly counter: SlotCounter;
  readonly module: ModuleNames;
  readonly #parent: Scope | undefined;
  readonly #slots = new Map<string, number>();

  constructor(module: ModuleNames, counter: SlotCounter, parent?: Scope) {
    this.module = module;
    this.counter = counter;
    this.#parent = parent;
  }

  child(): Scope {
    return new Scope(this.module, this.counter, this);
  }

  declare(name: string): number {
    const slot = this.counter.next++;
    this.#slots.set(name, slot);
    return slot;
  }

  owns(name: string): boolean {
    return this.#slots.has(name);
  }

  slotOf(name: string): number | undefined {
    return this.#slots.get(name) ?? this.#parent?.slotOf(name);
  }

  /** A name that is no variable: a rule, an import, `data` or `input`. */
  global(name: string): Resolved | undefined {
    return this.module.resolve(name);
  }
}

/** The variables that hold a value at a point of a body. */
export class Bound {
  readonly slots: Set<number>;
  /** Variables below belong to a body around a closure, which may read but not bind them. */
  readonly floor: number;

  constructor(slots: Iterable<number>, floor: number) {
    this.slots = new Set(slots);
    this.floor = floor;
  }

  copy(): Bound {
    return new Bound(this.slots, this.floor);
  }

  has(slot: number): boolean {
    return this.slots.has(slot);
  }

  canBind(slot: number): boolean {
    return slot >= this.floor;
  }

  add(slot: number): void {
    this.slots.add(slot);
  }

  /** Takes over what an attempt on a copy has bound. */
  adopt(other: Bound): void {
    for (const slot of other.slots) this.slots.add(slot);
  }
}
