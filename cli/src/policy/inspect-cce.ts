import { lintCceText, readCcePolicy } from '@holdfast/policy';
import type { CcePolicyDocument } from '@holdfast/policy';

import { cell } from './inspection.ts';
import type { Inspection } from './inspection.ts';
import { isObject } from './json-shape.ts';

const HEADINGS = ['CONTAINER', 'IMAGE', 'COMMAND', 'LAYERS', 'ENV', 'MOUNTS', 'EXEC', 'ELEVATED', 'STDIO'];

/**
 * What a CCE policy or fragment admits.
 * @throws MalformedError REGO_MALFORMED, REGO_TOO_LARGE, CCE_POLICY_INVALID
 */
export function inspectCce(text: string): Inspection {
  const policy = readCcePolicy(text);
  const findings = lintCceText(text);
  const constants = [...policy.points].filter(
    ([, value]) => typeof value !== 'object' || !('framework' in (value ?? {})),
  );
  return {
    facts: [
      ['package', policy.package],
      ['api_version', policy.apiVersion ?? 'missing'],
      ['framework_version', policy.frameworkVersion ?? 'missing'],
      ...(policy.svn === undefined ? [] : ([['svn', policy.svn]] as const)),
    ],
    headings: HEADINGS,
    rows: policy.containers.map((container, index) => row(container, index)),
    sections: [
      { title: 'flags', lines: [...policy.flags].map(([name, value]) => `${name} = ${value}`) },
      { title: 'fragments', lines: policy.fragments.map(fragmentLine) },
      {
        title: 'enforcement points with an answer of their own',
        lines: constants.map(([name, value]) => `${name} := ${JSON.stringify(value)}`),
      },
      { title: 'custom Rego', lines: policy.customRules.map(({ line, excerpt }) => `line ${line}: ${excerpt}`) },
    ].filter(({ lines }) => lines.length > 0),
    findings,
    json: jsonOf(policy),
  };
}

function row(container: Readonly<Record<string, unknown>>, index: number): readonly (string | number)[] {
  const { id, name, command, layers, env_rules: env, mounts, exec_processes: exec } = container;
  return [
    cell(textOf(name ?? id) || String(index), 32),
    cell(textOf(id), 44),
    command === null ? 'none' : cell(listOf(command).map(textOf).join(' '), 36),
    listOf(layers).length,
    listOf(env).length,
    listOf(mounts).length,
    listOf(exec).length,
    yesOrNo(container['allow_elevated']),
    yesOrNo(container['allow_stdio_access']),
  ];
}

function fragmentLine(fragment: Readonly<Record<string, unknown>>): string {
  const { feed, issuer, minimum_svn: svn, includes } = fragment;
  return `${textOf(feed)} by ${textOf(issuer)}, at least ${textOf(svn)}, for ${listOf(includes).map(textOf).join(', ')}`;
}

function jsonOf(policy: CcePolicyDocument): Readonly<Record<string, unknown>> {
  const {
    package: name,
    apiVersion,
    frameworkVersion,
    svn,
    containers,
    fragments,
    flags,
    others,
    customRules,
  } = policy;
  return {
    package: name,
    apiVersion: apiVersion ?? null,
    frameworkVersion: frameworkVersion ?? null,
    svn: svn ?? null,
    flags: Object.fromEntries(flags),
    containers,
    fragments,
    others: Object.fromEntries(others),
    customRules,
  };
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null || isObject(value) ? '' : JSON.stringify(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function yesOrNo(value: unknown): string {
  if (value === undefined) return '?';
  return value === true ? 'yes' : 'no';
}
