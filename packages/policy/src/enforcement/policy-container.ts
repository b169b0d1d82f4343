import type { LiteralObject, LiteralValue } from '../rego-literals/index.ts';
import { isLiteralArray, isLiteralObject } from '../rego-literals/index.ts';
import type { CceMount } from './guest-defaults.ts';
import { compareVersions } from './versions.ts';

/** A rule for one environment variable, in either form; a form that lacks a field never matches. */
export type EnvRule =
  | { readonly form: 'whole'; readonly pattern: string; readonly strategy: string; readonly required: boolean }
  | {
      readonly form: 'split';
      readonly name: string;
      readonly nameStrategy: string;
      readonly value: string;
      readonly valueStrategy: string;
      readonly required: boolean;
    }
  | { readonly form: 'invalid'; readonly required: boolean };

export interface IdRule {
  readonly pattern: string;
  readonly strategy: string;
}

export interface UserRule {
  readonly user: IdRule | undefined;
  readonly groups: readonly IdRule[];
  readonly umask: string | undefined;
}

export const capabilitySetNames = ['ambient', 'bounding', 'effective', 'inheritable', 'permitted'] as const;
export type CapabilitySetName = (typeof capabilitySetNames)[number];
export type CapabilitySets = Readonly<Record<CapabilitySetName, readonly string[]>>;

export interface ExecProcess {
  readonly command: readonly string[] | undefined;
  readonly signals: readonly number[];
  /** As written: hand-written processes may carry fields that only the error texts look at. */
  readonly fields: LiteralObject;
}

/** Which container of which document a candidate is. */
export interface ContainerLabel {
  /** Its `name`, else its `id`, else its position. */
  readonly name: string;
  readonly id: string | undefined;
  /** `policy`, or issuer and feed of the fragment that declares it. */
  readonly source: string;
  /** Position in the declaring document, from 0. */
  readonly index: number;
}

/** A container of a policy as the framework sees it. An undefined field makes every test that needs it fail. */
export interface PolicyContainer {
  readonly label: ContainerLabel;
  readonly fields: LiteralObject;
  readonly layers: readonly string[] | undefined;
  readonly command: readonly string[] | undefined;
  readonly workingDir: string | undefined;
  readonly envRules: readonly EnvRule[] | undefined;
  readonly mounts: readonly CceMount[] | undefined;
  readonly allowElevated: boolean | undefined;
  readonly noNewPrivileges: boolean | undefined;
  readonly allowStdio: boolean | undefined;
  readonly seccomp: string | undefined;
  readonly user: UserRule | undefined;
  /** Null: decided by privilege. */
  readonly capabilities: CapabilitySets | null | undefined;
  readonly signals: readonly number[] | undefined;
  readonly execProcesses: readonly ExecProcess[] | undefined;
}

const baseFields = [
  'allow_elevated',
  'allow_stdio_access',
  'command',
  'env_rules',
  'exec_processes',
  'layers',
  'mounts',
  'signals',
  'working_dir',
] as const;

const anyUser: LiteralObject = {
  user_idname: { pattern: '', strategy: 'any' },
  group_idnames: [{ pattern: '', strategy: 'any' }],
  umask: '0022',
};

/** Fields that frameworks added later: the version that brought them and their value for older documents. */
const laterFields: readonly (readonly [string, string, LiteralValue])[] = [
  ['no_new_privileges', '0.2.0', false],
  ['user', '0.2.1', anyUser],
  ['capabilities', '0.2.2', null],
  ['seccomp_profile_sha256', '0.2.3', ''],
];

/**
 * The containers of one document as candidates: those of an older framework get the fields they could not know and lose
 * unknown ones; one that lacks a field it should have disappears, as it does in the guest.
 */
export function readContainers(
  value: LiteralValue | undefined,
  source: string,
  frameworkVersion: string | undefined,
  guestVersion: string,
): readonly PolicyContainer[] {
  const order = frameworkVersion === undefined ? undefined : compareVersions(frameworkVersion, guestVersion);
  if (order === undefined || order > 0 || frameworkVersion === undefined) return [];
  const containers: PolicyContainer[] = [];
  for (const [index, fields] of objectsOf(value).entries()) {
    const upgraded = order === 0 ? fields : upgrade(fields, frameworkVersion);
    if (upgraded !== undefined) containers.push(viewContainer(upgraded, labelOf(fields, source, index)));
  }
  return containers;
}

function upgrade(fields: LiteralObject, frameworkVersion: string): LiteralObject | undefined {
  const upgraded: Record<string, LiteralValue> = {};
  for (const name of baseFields) {
    const value = fields[name];
    if (value === undefined) return undefined;
    upgraded[name] = value;
  }
  for (const [name, introduced, olderValue] of laterFields) {
    const value = isOlder(frameworkVersion, introduced) ? olderValue : fields[name];
    if (value === undefined) return undefined;
    upgraded[name] = value;
  }
  if (isOlder(frameworkVersion, '0.4.1')) {
    const signals = fields['signals'];
    if (!isLiteralArray(signals)) return undefined;
    upgraded['signals'] = [...signals, 9, 15];
  }
  return upgraded;
}

function isOlder(version: string, introduced: string): boolean {
  return (compareVersions(version, introduced) ?? 0) < 0;
}

function labelOf(fields: LiteralObject, source: string, index: number): ContainerLabel {
  const id = stringOf(fields['id']);
  return { name: stringOf(fields['name']) ?? id ?? `container ${index + 1}`, id, source, index };
}

export function viewContainer(fields: LiteralObject, label: ContainerLabel): PolicyContainer {
  return {
    label,
    fields,
    layers: stringsOf(fields['layers']),
    command: stringsOf(fields['command']),
    workingDir: stringOf(fields['working_dir']),
    envRules: readEnvRules(fields['env_rules']),
    mounts: readMounts(fields['mounts']),
    allowElevated: booleanOf(fields['allow_elevated']),
    noNewPrivileges: booleanOf(fields['no_new_privileges']),
    allowStdio: booleanOf(fields['allow_stdio_access']),
    seccomp: stringOf(fields['seccomp_profile_sha256']),
    user: readUserRule(fields['user']),
    capabilities: readCapabilities(fields['capabilities']),
    signals: readSignals(fields['signals']),
    execProcesses: readExecProcesses(fields['exec_processes']),
  };
}

export function readEnvRules(value: LiteralValue | undefined): readonly EnvRule[] | undefined {
  return isLiteralArray(value) ? objectsOf(value).map(readEnvRule) : undefined;
}

function readEnvRule(rule: LiteralObject): EnvRule {
  const required = rule['required'] === true;
  const pattern = stringOf(rule['pattern']);
  const strategy = stringOf(rule['strategy']);
  if (pattern !== undefined && strategy !== undefined) return { form: 'whole', pattern, strategy, required };
  const name = stringOf(rule['name']);
  const nameStrategy = stringOf(rule['name_strategy']);
  const valueText = stringOf(rule['value']);
  const valueStrategy = stringOf(rule['value_strategy']);
  if (name === undefined || nameStrategy === undefined || valueText === undefined || valueStrategy === undefined) {
    return { form: 'invalid', required };
  }
  return { form: 'split', name, nameStrategy, value: valueText, valueStrategy, required };
}

export function readMounts(value: LiteralValue | undefined): readonly CceMount[] | undefined {
  if (!isLiteralArray(value)) return undefined;
  return objectsOf(value).flatMap((mount) => {
    const destination = stringOf(mount['destination']);
    const options = stringsOf(mount['options']);
    const source = stringOf(mount['source']);
    const type = stringOf(mount['type']);
    // A rule that lacks a field matches nothing, so it can be left out.
    return destination === undefined || options === undefined || source === undefined || type === undefined
      ? []
      : [{ destination, options, source, type }];
  });
}

export function readUserRule(value: LiteralValue | undefined): UserRule | undefined {
  if (!isLiteralObject(value)) return undefined;
  return {
    user: readIdRule(value['user_idname']),
    groups: objectsOf(value['group_idnames']).flatMap((group) => readIdRule(group) ?? []),
    umask: stringOf(value['umask']),
  };
}

function readIdRule(value: LiteralValue | undefined): IdRule | undefined {
  if (!isLiteralObject(value)) return undefined;
  const strategy = stringOf(value['strategy']);
  return strategy === undefined ? undefined : { pattern: stringOf(value['pattern']) ?? '', strategy };
}

function readCapabilities(value: LiteralValue | undefined): CapabilitySets | null | undefined {
  if (value === null) return null;
  if (!isLiteralObject(value)) return undefined;
  const sets: Partial<Record<CapabilitySetName, readonly string[]>> = {};
  for (const name of capabilitySetNames) {
    const set = stringsOf(value[name]);
    if (set === undefined) return undefined;
    sets[name] = set;
  }
  return sets as CapabilitySets;
}

function readExecProcesses(value: LiteralValue | undefined): readonly ExecProcess[] | undefined {
  if (!isLiteralArray(value)) return undefined;
  return objectsOf(value).map((fields) => ({
    command: stringsOf(fields['command']),
    signals: readSignals(fields['signals']) ?? [],
    fields,
  }));
}

function readSignals(value: LiteralValue | undefined): readonly number[] | undefined {
  return isLiteralArray(value) ? value.filter((signal) => typeof signal === 'number') : undefined;
}

export function objectsOf(value: LiteralValue | undefined): readonly LiteralObject[] {
  return isLiteralArray(value) ? value.filter(isLiteralObject) : [];
}

export function stringsOf(value: LiteralValue | undefined): readonly string[] | undefined {
  if (!isLiteralArray(value)) return undefined;
  const strings = value.filter((item) => typeof item === 'string');
  return strings.length === value.length ? strings : undefined;
}

export function stringOf(value: LiteralValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function booleanOf(value: LiteralValue | undefined): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}
