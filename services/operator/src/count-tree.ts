/**
 * One thing for every list of values, all lists of one length, found without making a text of the list: such a text costs more
 * than everything else that is done to count a request.
 */
export class CountTree<T> {
  readonly #root = new Map<unknown, unknown>();
  readonly #leaves: T[] = [];
  /** What was asked for last, which is what is asked for next more often than not. */
  #last: { readonly values: readonly unknown[]; readonly leaf: T } | undefined;

  get size(): number {
    return this.#leaves.length;
  }

  /** All leaves in the order in which they came. */
  leaves(): readonly T[] {
    return this.#leaves;
  }

  /** The leaf of these values, which `make` makes when it is new. */
  leaf(values: readonly unknown[], make: (values: readonly unknown[]) => T): T {
    if (this.#last !== undefined && areSame(values, this.#last.values)) return this.#last.leaf;
    let branch = this.#root;
    const last = values.length - 1;
    for (let i = 0; i < last; i += 1) {
      let next = branch.get(values[i]) as Map<unknown, unknown> | undefined;
      if (next === undefined) branch.set(values[i], (next = new Map()));
      branch = next;
    }
    let leaf = branch.get(values[last]) as T | undefined;
    if (leaf === undefined) {
      leaf = make(values);
      branch.set(values[last], leaf);
      this.#leaves.push(leaf);
    }
    this.#last = { values, leaf };
    return leaf;
  }

  clear(): void {
    this.#root.clear();
    this.#leaves.length = 0;
    this.#last = undefined;
  }
}

function areSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  for (let i = 0; i < one.length; i += 1) if (one[i] !== other[i]) return false;
  return true;
}
