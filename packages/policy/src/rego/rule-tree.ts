import type { Evaluation } from './evaluation.ts';
import { RuleSet } from './rule-set.ts';
import { RegoObject } from './value.ts';
import type { RegoValue } from './value.ts';

export interface RuleNode {
  readonly path: readonly string[];
  readonly children: Map<string, RuleNode>;
  rules: RuleSet | undefined;
}

function newNode(path: readonly string[]): RuleNode {
  return { path, children: new Map(), rules: undefined };
}

/** Every rule of every module by its path under `data`. */
export class RuleTree {
  readonly root: RuleNode = newNode([]);
  readonly #names = new Set<string>();

  /** Says that modules of a package define a name, before anything is compiled. */
  announce(packagePath: readonly string[], name: string): void {
    this.#names.add(JSON.stringify([...packagePath, name]));
  }

  packageHas(packagePath: readonly string[], name: string): boolean {
    return this.#names.has(JSON.stringify([...packagePath, name]));
  }

  nodeAt(path: readonly string[]): RuleNode {
    let node = this.root;
    for (const name of path) {
      let child = node.children.get(name);
      if (child === undefined) {
        child = newNode([...node.path, name]);
        node.children.set(name, child);
      }
      node = child;
    }
    return node;
  }

  ruleSetAt(path: readonly string[]): RuleSet {
    const node = this.nodeAt(path);
    node.rules ??= new RuleSet(path);
    return node.rules;
  }

  /** The rules at a path, or none. */
  find(path: readonly string[]): RuleSet | undefined {
    let node: RuleNode | undefined = this.root;
    for (const name of path) node = node?.children.get(name);
    return node?.rules;
  }
}

/** The document at a node: base data with the values of all rules below it laid over. Functions have no value. */
export function documentAt(node: RuleNode, base: RegoValue | undefined, evaluation: Evaluation): RegoValue | undefined {
  if (node.rules !== undefined) return node.rules.value(evaluation);
  if (node.children.size === 0) return base;
  const document = new RegoObject();
  if (base instanceof RegoObject) {
    for (const { key, value } of base.sorted()) document.set(key, value);
  }
  for (const [name, child] of node.children) {
    const value = documentAt(child, document.get(name), evaluation);
    if (value !== undefined) document.set(name, value);
  }
  return document;
}
