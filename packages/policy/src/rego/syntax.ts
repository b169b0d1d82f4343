import type { RegoPosition } from './position.ts';
import type { RegoValue } from './value.ts';

/** The syntax tree of a module, as written: names are not resolved yet. */
export type Term =
  | { readonly type: 'scalar'; readonly value: RegoValue; readonly at: RegoPosition }
  | { readonly type: 'variable'; readonly name: string; readonly at: RegoPosition }
  | { readonly type: 'reference'; readonly head: Term; readonly operands: readonly Term[]; readonly at: RegoPosition }
  | { readonly type: 'call'; readonly name: string; readonly arguments: readonly Term[]; readonly at: RegoPosition }
  | { readonly type: 'array' | 'set'; readonly items: readonly Term[]; readonly at: RegoPosition }
  | { readonly type: 'object'; readonly entries: readonly ObjectEntry[]; readonly at: RegoPosition }
  | Comprehension;

export interface ObjectEntry {
  readonly key: Term;
  readonly value: Term;
}

export interface Comprehension {
  readonly type: 'comprehension';
  readonly kind: 'array' | 'set' | 'object';
  /** Absent for arrays and sets. */
  readonly key: Term | undefined;
  readonly value: Term;
  readonly body: readonly Literal[];
  readonly at: RegoPosition;
}

export interface WithModifier {
  readonly target: Term;
  readonly value: Term;
}

export interface Literal {
  readonly expression: Expression;
  readonly negated: boolean;
  readonly modifiers: readonly WithModifier[];
  readonly at: RegoPosition;
}

export type Expression =
  | { readonly type: 'term'; readonly term: Term }
  | { readonly type: 'assign'; readonly left: Term; readonly right: Term }
  | { readonly type: 'unify'; readonly left: Term; readonly right: Term }
  | { readonly type: 'declare'; readonly names: readonly string[] }
  | { readonly type: 'someIn'; readonly key: Term | undefined; readonly value: Term; readonly domain: Term }
  | {
      readonly type: 'every';
      readonly key: Term | undefined;
      readonly value: Term;
      readonly domain: Term;
      readonly body: readonly Literal[];
    };

/** One definition of a rule. Several definitions of a name add up (partial rules) or must agree (complete rules). */
export interface Rule {
  readonly name: string;
  readonly kind: 'complete' | 'function' | 'set';
  readonly isDefault: boolean;
  /** Operands after the name: `p[x].y` has `x` and `"y"`. */
  readonly path: readonly Term[];
  readonly parameters: readonly Term[];
  /** The member of a set; the value of all others. */
  readonly value: Term;
  readonly body: readonly Literal[];
  readonly otherwise: readonly ElseBranch[];
  readonly at: RegoPosition;
}

export interface ElseBranch {
  readonly value: Term;
  readonly body: readonly Literal[];
  readonly at: RegoPosition;
}

export interface Import {
  /** `data` or `input`, then names. */
  readonly path: readonly string[];
  readonly alias: string;
}

/** A parsed module. */
export interface RegoModule {
  readonly file: string;
  /** Names after `data`: `package a.b` is `['a', 'b']`. */
  readonly package: readonly string[];
  readonly imports: readonly Import[];
  readonly rules: readonly Rule[];
}

export const wildcard = '_';
