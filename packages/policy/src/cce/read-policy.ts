import { MalformedError } from '@holdfast/base';

import {
  type CustomRule,
  FrameworkReference,
  isLiteralArray,
  isLiteralObject,
  type LiteralObject,
  type LiteralPolicy,
  type LiteralValue,
  readLiteralPolicy,
} from '../rego-literals/index.ts';
import { commonPoints, cceGenerations } from './data/generations.ts';

/** A CCE policy or fragment as far as its literals say. */
export interface CcePolicyDocument {
  readonly package: string;
  /** From `api_version`, or `api_svn` of old documents. */
  readonly apiVersion: string | undefined;
  /** From `framework_version`, or `framework_svn` of old documents. */
  readonly frameworkVersion: string | undefined;
  /** Security version of a fragment. */
  readonly svn: string | undefined;
  readonly fragments: readonly LiteralObject[];
  readonly containers: readonly LiteralObject[];
  /** Assignments of `allow_…`. */
  readonly flags: ReadonlyMap<string, boolean>;
  /** Enforcement points and what they are bound to: the framework's rule of a name, or a constant. */
  readonly points: ReadonlyMap<string, FrameworkReference | LiteralValue>;
  /** Assignments of other names. */
  readonly others: ReadonlyMap<string, LiteralValue>;
  /** Custom Rego, which needs a full evaluator: nothing else here can be trusted alone when there is any. */
  readonly customRules: readonly CustomRule[];
}

/** All enforcement points that any known generation binds. */
export const knownPoints: ReadonlySet<string> = new Set([
  ...commonPoints,
  ...Object.values(cceGenerations).flatMap((generation) => generation.extraPoints),
]);

/**
 * Reads a policy document: what the generator writes, and hand-written ones in the same subset of Rego. Everything
 * outside of the subset is listed in `customRules`.
 * @throws MalformedError REGO_MALFORMED, REGO_TOO_LARGE, CCE_POLICY_INVALID when `containers`, `fragments` or a flag
 * has a wrong type
 */
export function readCcePolicy(text: string): CcePolicyDocument {
  const literal = readLiteralPolicy(text);
  const flags = new Map<string, boolean>();
  const points = new Map<string, FrameworkReference | LiteralValue>();
  const others = new Map<string, LiteralValue>();
  for (const [name, value] of literal.assignments) {
    if (knownPoints.has(name) || value instanceof FrameworkReference) points.set(name, value);
    else if (name.startsWith('allow_')) flags.set(name, flagValue(name, value));
    else if (!READ.has(name)) others.set(name, value);
  }
  return {
    package: literal.package,
    apiVersion: textOf(literal, 'api_version') ?? textOf(literal, 'api_svn'),
    frameworkVersion: textOf(literal, 'framework_version') ?? textOf(literal, 'framework_svn'),
    svn: textOf(literal, 'svn'),
    fragments: objectsOf(literal, 'fragments'),
    containers: objectsOf(literal, 'containers'),
    flags,
    points,
    others,
    customRules: literal.rules,
  };
}

const READ = new Set([
  'api_version',
  'api_svn',
  'framework_version',
  'framework_svn',
  'svn',
  'fragments',
  'containers',
  'reason',
]);

function flagValue(name: string, value: LiteralValue): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(`${name} is neither true nor false`);
}

function textOf(literal: LiteralPolicy, name: string): string | undefined {
  const value = literal.assignments.get(name);
  if (value === undefined || typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw invalid(`${name} is not text`);
}

function objectsOf(literal: LiteralPolicy, name: string): LiteralObject[] {
  const value = literal.assignments.get(name);
  if (value === undefined) return [];
  if (!isLiteralArray(value)) throw invalid(`${name} is not a list`);
  return value.map((item, index) => {
    if (isLiteralObject(item)) return item;
    throw invalid(`entry ${index} of ${name} is not an object`);
  });
}

function invalid(problem: string): MalformedError {
  return new MalformedError('CCE_POLICY_INVALID', problem);
}
