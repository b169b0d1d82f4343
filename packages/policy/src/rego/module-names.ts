import type { RegoModule } from './syntax.ts';
import type { RuleTree } from './rule-tree.ts';

/** Where a name that is no variable leads: under `data` or under `input`. */
export interface Resolved {
  readonly root: 'data' | 'input';
  readonly path: readonly string[];
}

/** The names a module gives meaning to: its own rules, its imports, `data` and `input`. */
export class ModuleNames {
  readonly package: readonly string[];
  readonly tree: RuleTree;
  readonly #imports = new Map<string, Resolved>();

  constructor(module: RegoModule, tree: RuleTree) {
    this.package = module.package;
    this.tree = tree;
    for (const { path, alias } of module.imports) {
      this.#imports.set(alias, { root: path[0] === 'input' ? 'input' : 'data', path: path.slice(1) });
    }
  }

  resolve(name: string): Resolved | undefined {
    if (this.tree.packageHas(this.package, name)) return { root: 'data', path: [...this.package, name] };
    const imported = this.#imports.get(name);
    if (imported !== undefined) return imported;
    return name === 'data' || name === 'input' ? { root: name, path: [] } : undefined;
  }
}
