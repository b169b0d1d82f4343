import { MalformedError, UnsupportedError } from '@holdfast/base';

import type { LiteralPolicy, LiteralValue, RegoLimits } from '../rego-literals/index.ts';
import {
  FrameworkReference,
  isLiteralArray,
  isLiteralObject,
  readLiteralPolicy,
  requireLiteralsOnly,
} from '../rego-literals/index.ts';
import type { CceMount } from './guest-defaults.ts';
import type { EnvRule, PolicyContainer } from './policy-container.ts';
import {
  booleanOf,
  objectsOf,
  readContainers,
  readEnvRules,
  readMounts,
  stringOf,
  stringsOf,
} from './policy-container.ts';
import type { PointName } from './points.ts';
import { enforcementPoints } from './points.ts';
import { compareVersions } from './versions.ts';

/** What one enforcement point is bound to. */
export type PointBinding =
  | { readonly kind: 'framework' }
  | {
      readonly kind: 'constant';
      readonly allowed: boolean;
      readonly envList: readonly string[] | null;
      readonly allowStdio: boolean | undefined;
    };

export interface FragmentImport {
  readonly issuer: string;
  readonly feed: string;
  /** As written: a decimal string, a number, or a semantic version. */
  readonly minimumSvn: LiteralValue | undefined;
  readonly includes: readonly string[];
  readonly requiredReceipts: readonly string[];
}

export interface ExternalProcess {
  readonly label: string;
  readonly fields: LiteralValue;
  readonly command: readonly string[] | undefined;
  readonly workingDir: string | undefined;
  readonly envRules: readonly EnvRule[] | undefined;
  readonly allowStdio: boolean | undefined;
}

/** Rules of the platform that are appended to every candidate container, one clone per entry. */
export interface PlatformRule {
  readonly fields: { readonly envRules: readonly LiteralValue[]; readonly mounts: readonly LiteralValue[] };
  readonly envRules: readonly EnvRule[];
  readonly mounts: readonly CceMount[];
}

export interface TrustList {
  readonly issuer: string;
  readonly subject: string;
  readonly minimumSvn: LiteralValue | undefined;
  readonly allowedLedgers: readonly string[];
}

/** What a policy and a fragment have in common: the things that become candidates. */
export interface CceDeclarations {
  readonly frameworkVersion: string | undefined;
  /** Layers of all containers as written, whatever the framework version. */
  readonly layers: ReadonlySet<string>;
  readonly containers: readonly PolicyContainer[];
  readonly imports: readonly FragmentImport[];
  readonly externalProcesses: readonly ExternalProcess[];
  readonly platformRules: readonly PlatformRule[];
  readonly trustLists: readonly TrustList[];
}

export interface CceFlags {
  readonly propertiesAccess: boolean;
  readonly dumpStacks: boolean;
  readonly runtimeLogging: boolean;
  readonly environmentDropping: boolean;
  readonly unencryptedScratch: boolean;
  readonly capabilityDropping: boolean;
  readonly hostNetwork: boolean;
}

/** A CCE policy as data. Made by `readCcePolicy`. */
export interface CcePolicy extends CceDeclarations {
  /** Undefined makes every enforcement point fail. */
  readonly apiVersion: string | undefined;
  readonly flags: CceFlags;
  readonly bindings: ReadonlyMap<PointName, PointBinding>;
  /** What the policy answers as the reason of a denial, undefined when it defines none. */
  readonly reason: LiteralValue | undefined;
  readonly document: LiteralPolicy;
}

const platformRulesSince = '0.5.0';
const capabilityDroppingSince = '0.2.2';

/**
 * Reads a CCE policy text for evaluation by a guest of `guestVersion`. Throws `REGO_MALFORMED`, `REGO_TOO_LARGE`,
 * `REGO_CUSTOM_RULE` (needs a full evaluator), `CCE_POLICY_PACKAGE` and `CCE_POLICY_VALUE`.
 */
export function readCcePolicy(text: string, guestVersion: string, limits: Partial<RegoLimits> = {}): CcePolicy {
  const document = readLiteralPolicy(text, limits);
  if (document.package !== 'policy') {
    throw new MalformedError('CCE_POLICY_PACKAGE', `The text is package ${document.package}, not package policy.`, {
      details: { package: document.package },
    });
  }
  requireLiteralsOnly(document, 'policy');
  const declarations = readDeclarations(document, 'policy', guestVersion);
  return {
    ...declarations,
    apiVersion: stringOf(document.assignments.get('api_version')) ?? stringOf(document.assignments.get('api_svn')),
    flags: readFlags(document, declarations.frameworkVersion),
    bindings: readBindings(document),
    reason: document.assignments.get('reason'),
    document,
  };
}

/** The declarations of a policy or fragment document; `source` labels its containers. */
export function readDeclarations(document: LiteralPolicy, source: string, guestVersion: string): CceDeclarations {
  const value = (name: string): LiteralValue | undefined => document.assignments.get(name);
  const frameworkVersion = stringOf(value('framework_version')) ?? stringOf(value('framework_svn'));
  const order = frameworkVersion === undefined ? undefined : compareVersions(frameworkVersion, guestVersion);
  const usable = order !== undefined && order <= 0;
  const newer = usable && (compareVersions(frameworkVersion ?? '', platformRulesSince) ?? -1) >= 0;
  return {
    frameworkVersion,
    layers: new Set(objectsOf(value('containers')).flatMap((container) => stringsOf(container['layers']) ?? [])),
    containers: readContainers(value('containers'), source, frameworkVersion, guestVersion),
    imports: usable ? readImports(value('fragments')) : [],
    externalProcesses: usable ? readExternalProcesses(value('external_processes'), source) : [],
    platformRules: newer ? readPlatformRules(value('platform_rules')) : [],
    trustLists: newer ? readTrustLists(value('transparency_trust_lists')) : [],
  };
}

function readFlags(document: LiteralPolicy, frameworkVersion: string | undefined): CceFlags {
  const flag = (name: string): boolean => document.assignments.get(name) === true;
  const knowsCapabilities = (compareVersions(frameworkVersion ?? '', capabilityDroppingSince) ?? -1) >= 0;
  return {
    propertiesAccess: flag('allow_properties_access'),
    dumpStacks: flag('allow_dump_stacks'),
    runtimeLogging: flag('allow_runtime_logging'),
    environmentDropping: flag('allow_environment_variable_dropping'),
    unencryptedScratch: flag('allow_unencrypted_scratch'),
    capabilityDropping: knowsCapabilities && flag('allow_capability_dropping'),
    hostNetwork: flag('allow_host_network'),
  };
}

function readBindings(document: LiteralPolicy): ReadonlyMap<PointName, PointBinding> {
  const bindings = new Map<PointName, PointBinding>();
  for (const name of Object.keys(enforcementPoints) as PointName[]) {
    const value = document.assignments.get(name);
    if (value === undefined) continue;
    bindings.set(name, readBinding(name, value));
  }
  return bindings;
}

function readBinding(name: PointName, value: LiteralValue): PointBinding {
  if (value instanceof FrameworkReference && value.framework === name) return { kind: 'framework' };
  const allowed = isLiteralObject(value) ? booleanOf(value['allowed']) : undefined;
  if (!isLiteralObject(value) || allowed === undefined || value['metadata'] !== undefined) {
    throw new UnsupportedError(
      'CCE_POLICY_VALUE',
      `The policy binds ${name} to a value this evaluator does not know.`,
      {
        details: { point: name },
      },
    );
  }
  return {
    kind: 'constant',
    allowed,
    envList: stringsOf(value['env_list']) ?? null,
    allowStdio: booleanOf(value['allow_stdio_access']),
  };
}

function readImports(value: LiteralValue | undefined): readonly FragmentImport[] {
  return objectsOf(value).flatMap((entry) => {
    const issuer = stringOf(entry['issuer']);
    const feed = stringOf(entry['feed']);
    if (issuer === undefined || feed === undefined) return [];
    return {
      issuer,
      feed,
      minimumSvn: entry['minimum_svn'],
      includes: stringsOf(entry['includes']) ?? [],
      requiredReceipts: stringsOf(entry['required_receipts']) ?? [],
    };
  });
}

function readExternalProcesses(value: LiteralValue | undefined, source: string): readonly ExternalProcess[] {
  return objectsOf(value).map((fields, index) => ({
    label: `external process ${index + 1} of ${source}`,
    fields,
    command: stringsOf(fields['command']),
    workingDir: stringOf(fields['working_dir']),
    envRules: readEnvRules(fields['env_rules']),
    allowStdio: booleanOf(fields['allow_stdio_access']),
  }));
}

function readPlatformRules(value: LiteralValue | undefined): readonly PlatformRule[] {
  return objectsOf(value).map((entry) => ({
    fields: { envRules: arrayOf(entry['env_rules']), mounts: arrayOf(entry['mounts']) },
    envRules: readEnvRules(entry['env_rules']) ?? [],
    mounts: readMounts(entry['mounts']) ?? [],
  }));
}

function readTrustLists(value: LiteralValue | undefined): readonly TrustList[] {
  return objectsOf(value).flatMap((entry) => {
    const issuer = stringOf(entry['issuer']);
    const subject = stringOf(entry['subject']);
    if (issuer === undefined || subject === undefined) return [];
    return {
      issuer,
      subject,
      minimumSvn: entry['minimum_svn'],
      allowedLedgers: stringsOf(entry['allowed_ledgers']) ?? [],
    };
  });
}

function arrayOf(value: LiteralValue | undefined): readonly LiteralValue[] {
  return isLiteralArray(value) ? value : [];
}
