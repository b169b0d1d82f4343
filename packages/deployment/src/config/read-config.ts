import type { z } from 'zod';

import type { ConfigProblem } from './problem.ts';
import { profileNames, profileSchemas, isProfileName } from './profiles.ts';
import type { DeploymentConfig } from './profiles.ts';
import { keysAt } from './schema-keys.ts';
import { nearest } from './suggest.ts';
import { parsePlacedYaml } from './yaml-places.ts';
import type { ConfigPath, PlacedYaml } from './yaml-places.ts';

/** A configuration as far as it could be read. */
export interface ReadConfig {
  /**
   * The configuration; where a value is wrong, with the default in its place, so that everything else can still be
   * checked. Undefined when the profile is unknown or a value without a default is missing.
   */
  readonly config: DeploymentConfig | undefined;
  readonly problems: readonly ConfigProblem[];
  /** Line of the value at a path. */
  readonly lineOf: (path: ConfigPath) => number;
}

/**
 * Reads the text of a `holdfast.yaml`: grammar, profile, types, ranges and unknown keys, all problems at once. What the
 * values mean together is checked by the doctor's offline checks (`allProblems`).
 */
export function readConfig(text: string): ReadConfig {
  const placed = parsePlacedYaml(text);
  const problems: ConfigProblem[] = placed.errors.map(({ line, message }) => problem([], line, message));
  const broken = (): ReadConfig => ({ config: undefined, problems, lineOf: (path) => placed.lineOf(path) });
  if (problems.length > 0) return broken();
  const { value } = placed;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(problem([], 1, 'the file does not hold settings', `Begin with a line such as profile: uid2-vn2.`));
    return broken();
  }
  const profile = (value as Record<string, unknown>)['profile'];
  if (!isProfileName(profile)) {
    problems.push(profileProblem(profile, placed));
    return broken();
  }
  const config = readTolerantly(profileSchemas[profile], value, placed, problems);
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { config, problems, lineOf: (path) => placed.lineOf(path) };
}

function profileProblem(profile: unknown, placed: PlacedYaml): ConfigProblem {
  const known = profileNames.join(', ');
  if (profile === undefined) return problem(['profile'], 1, 'is missing', `Write one of ${known}.`);
  const seen = typeof profile === 'string' ? profile : JSON.stringify(profile);
  const meant = nearest(seen, profileNames);
  const action = meant === undefined ? `Write one of ${known}.` : `Did you mean ${meant}? There are ${known}.`;
  return problem(['profile'], placed.lineOf(['profile']), `there is no profile ${JSON.stringify(seen)}`, action);
}

/** Wrong values are noted and left out, and the rest is read again: a second look may find what the first could not reach. */
function readTolerantly(
  schema: z.ZodType<DeploymentConfig>,
  value: object,
  placed: PlacedYaml,
  problems: ConfigProblem[],
): DeploymentConfig | undefined {
  const remaining: unknown = structuredClone(value);
  const seen = new Set<string>();
  for (let round = 0; round < 5; round += 1) {
    const result = schema.safeParse(remaining);
    if (result.success) return result.data;
    let removed = false;
    for (const issue of result.error.issues) {
      const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
      for (const found of problemsOf(issue, path, schema, placed, remaining)) {
        const key = JSON.stringify([found.path, found.message]);
        if (!seen.has(key)) problems.push(found);
        seen.add(key);
      }
      removed = removeWrong(remaining, path, issue) || removed;
    }
    if (!removed) return undefined;
  }
  return undefined;
}

function problemsOf(
  issue: z.core.$ZodIssue,
  path: ConfigPath,
  schema: z.ZodType,
  placed: PlacedYaml,
  root: unknown,
): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path);
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      const action = meant === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${meant}?`;
      return problem([...path, key], placed.lineOfKey(path, key), 'is not a setting', action);
    });
  }
  const seen = valueAt(root, path);
  return [problem(path, placed.lineOf(path), describeIssue(issue, path, seen))];
}

/** Values are shown only where they cannot be a secret: a key pasted into the file must not reach a log. */
function describeIssue(issue: z.core.$ZodIssue, path: ConfigPath, seen: unknown): string {
  if (path.at(-1) === 'keySource' || path.includes('keySource')) {
    return 'is none of stdin, {env: NAME}, {file: PATH} and {vaultVersion: ID}; the key itself never stands in this file';
  }
  if (seen === undefined) return 'is missing and has no default';
  const shown = typeof seen === 'object' ? '' : `${JSON.stringify(seen)} `;
  switch (issue.code) {
    case 'invalid_type':
      return `${shown}is not ${expectedText(issue.expected)}`;
    case 'invalid_value':
      return `${shown}is not one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return issue.origin === 'string' ? 'is empty' : `${shown}is less than ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string' ? `is longer than ${issue.maximum}` : `${shown}is more than ${issue.maximum}`;
    case 'invalid_format':
      return `${shown}${issue.message.startsWith('is not') ? issue.message : `is not a valid ${issue.format}`}`;
    case 'custom':
      return `${shown}${issue.message}`;
    default:
      return `${shown}is not allowed here`;
  }
}

function expectedText(expected: string): string {
  const texts: Readonly<Record<string, string>> = {
    string: 'text; write it in quotes',
    int: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
    object: 'a group of settings',
    record: 'a group of names with values',
    array: 'a list',
  };
  return texts[expected] ?? expected;
}

function problem(path: ConfigPath, line: number | undefined, message: string, action?: string): ConfigProblem {
  return { path, line, message, action, check: undefined };
}

function valueAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.hasOwn(value, step) ? (value as Record<string | number, unknown>)[step] : undefined;
  }
  return value;
}

/** Takes the wrong value out, or, where nothing is written, the group around it. Says whether anything was there. */
function removeWrong(root: unknown, path: ConfigPath, issue: z.core.$ZodIssue): boolean {
  const parent = valueAt(root, issue.code === 'unrecognized_keys' ? path : path.slice(0, -1));
  if (typeof parent !== 'object' || parent === null) return false;
  const keys = issue.code === 'unrecognized_keys' ? issue.keys : path.slice(-1);
  let removed = false;
  for (const key of keys) {
    if (Array.isArray(parent)) {
      parent.splice(Number(key), 1);
      removed = true;
    } else if (Object.hasOwn(parent, key)) {
      delete (parent as Record<string | number, unknown>)[key];
      removed = true;
    }
  }
  return removed;
}
