import { type CceFlag, type CceGeneration, commonFlags, commonPoints } from './data/generations.ts';
import { sidecarPackage } from './data/infrastructure.ts';
import type { CceContainer, FragmentImport } from './policy-model.ts';
import { pythonJson } from './python-json.ts';

/** What goes into a policy document. */
export interface PolicyParts {
  readonly generation: CceGeneration;
  readonly fragments: readonly FragmentImport[];
  readonly containers: readonly CceContainer[];
  readonly debugMode?: boolean;
  /** Values that replace the defaults of flags, by flag name. */
  readonly flags?: Readonly<Record<string, boolean>>;
}

/** How `containers` is written. Only `compact` is what injection and Base64 output measure. */
export type ContainersFormat = 'compact' | 'pretty';

/** The text of a policy document: ASCII, no line feed at the end. */
export function writePolicy(parts: PolicyParts, format: ContainersFormat = 'compact'): string {
  const { generation } = parts;
  const points = [...commonPoints, ...generation.extraPoints];
  return [
    'package policy',
    'import future.keywords.every\nimport future.keywords.in',
    versions(generation),
    `fragments := ${pythonJson(parts.fragments, { pretty: true })}`,
    containersText(parts.containers, format),
    policyFlags(parts)
      .map(({ name, value }) => `${name} := ${String(value)}`)
      .join('\n'),
    points.map((point) => `${point} := data.framework.${point}`).join('\n'),
    'reason := {"errors": data.framework.errors}',
  ].join('\n\n');
}

/** The short document for images that are sidecars of the platform. */
export function writeSidecarDocument(
  { generation, containers }: Pick<PolicyParts, 'generation' | 'containers'>,
  format: ContainersFormat = 'compact',
): string {
  return [`package ${sidecarPackage}`, versions(generation), containersText(containers, format)].join('\n\n');
}

function versions({ apiVersion, frameworkVersion }: CceGeneration): string {
  return `api_version := "${apiVersion}"\nframework_version := "${frameworkVersion}"`;
}

function containersText(containers: readonly CceContainer[], format: ContainersFormat): string {
  return `containers := ${pythonJson(containers, { pretty: format === 'pretty' })}`;
}

function policyFlags({ generation, debugMode, flags }: PolicyParts): { name: string; value: boolean }[] {
  const all: readonly CceFlag[] = [...commonFlags, ...generation.extraFlags];
  return all.map((flag) => ({
    name: flag.name,
    value: flags?.[flag.name] ?? (debugMode === true ? flag.debug : flag.value),
  }));
}
