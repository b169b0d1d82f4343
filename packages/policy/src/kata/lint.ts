import { PatternMatcher } from '../regex/index.ts';
import type { KataPolicyData, KataProfile } from './policy-data.ts';
import type { KataPolicyDocument } from './policy-document.ts';
import { constantRules, knownRules } from './rules.ts';

/** One thing about a policy that its reader should know. */
export interface KataFinding {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  /** Place in the policy, as `containers[1].OCI.Process.Env`; empty for the policy as a whole. */
  readonly path: string;
  readonly message: string;
}

/** What the API server takes as the annotations of one object, keys and values together (256 KiB). */
const annotationsLimit = 262_144;

/**
 * Findings about the text of a policy: its rules part, its data and its size.
 * @param document the policy taken apart
 * @param limit characters an annotation may have; only for the MS profile, where it is the base64 of the text
 */
export function lintKataPolicy(document: KataPolicyDocument, limit: number = annotationsLimit): KataFinding[] {
  const profile = knownRules(document.rulesSha256)?.profile ?? profileOfData(document.policyData);
  const length = Math.ceil(document.sizeBytes / 3) * 4;
  const message = `The annotation has ${length} characters; the API server takes ${limit} for all annotations of an object.`;
  const size: KataFinding[] =
    profile === 'ms' && length > limit ? [{ code: 'KATA-SIZE', severity: 'warning', path: '', message }] : [];
  return [...lintRules(document.rules, document.rulesSha256), ...lintPolicyData(document.policyData, profile), ...size];
}

/** The profile that a `policy_data` value was written for, by the members that only one of them has. */
export function profileOfData(policyData: KataPolicyData): KataProfile {
  const { cluster_config: cluster, common, containers } = policyData;
  const newer = cluster !== undefined || common.svc_name_downward_env !== undefined;
  return newer || containers.some((container) => container.runtime_anno_patterns !== undefined) ? 'upstream' : 'ms';
}

/** Findings about a rules part, or about a whole policy that has no data. */
export function lintRules(rules: string, rulesSha256: string): KataFinding[] {
  const findings: KataFinding[] = [];
  const add = (code: string, severity: KataFinding['severity'], message: string): void => {
    findings.push({ code, severity, path: '', message });
  };
  const failOpen = /^\s*(?:default\s+)?AllowRequestsFailingPolicy\s*:?=\s*true\b/mu.test(rules);
  if (failOpen)
    add(
      'KATA-FAILOPEN',
      'error',
      'AllowRequestsFailingPolicy is true: requests that the policy denies are logged and allowed.',
    );
  if (knownRules(rulesSha256) !== undefined) return findings;
  const constants = constantRules(rules);
  if (constants?.get('CreateContainerRequest') === true) {
    add('KATA-ALLOWALL', 'error', 'The policy allows every container. It binds neither images nor commands.');
  }
  add(
    'KATA-RULES-UNKNOWN',
    'warning',
    `The rules part (SHA-256 ${rulesSha256}) is none of a known release. It may have been changed.`,
  );
  return findings;
}

/** Findings about the data of a policy. */
export function lintPolicyData(policyData: KataPolicyData, profile: KataProfile): KataFinding[] {
  return [
    ...lintRequests(policyData),
    ...lintPatterns(policyData),
    ...policyData.containers.flatMap((_, index) => lintContainer(policyData, index, profile)),
  ];
}

function lintRequests({ request_defaults: requests }: KataPolicyData): KataFinding[] {
  const findings: KataFinding[] = [];
  const add = (code: string, severity: KataFinding['severity'], member: string, message: string): void => {
    findings.push({ code, severity, path: `request_defaults.${member}`, message });
  };
  if (requests.ReadStreamRequest) {
    add('KATA-READSTREAM', 'info', 'ReadStreamRequest', 'The host can read all output of the containers.');
  }
  if (requests.WriteStreamRequest) {
    add('KATA-WRITESTREAM', 'warning', 'WriteStreamRequest', 'The host can write to the input of processes.');
  }
  if (requests.UpdateEphemeralMountsRequest) {
    add(
      'KATA-EPHEMERAL-MOUNTS',
      'warning',
      'UpdateEphemeralMountsRequest',
      'The host can change memory-backed mounts.',
    );
  }
  if (requests.GetDiagnosticDataRequest === true) {
    add('KATA-DIAGNOSTICS', 'warning', 'GetDiagnosticDataRequest', 'The host can read diagnostic data of the guest.');
  }
  const exec = requests.ExecProcessRequest;
  if (exec.regex.length > 0) {
    add(
      'KATA-EXEC-REGEX',
      'warning',
      'ExecProcessRequest.regex',
      'Commands are allowed by pattern; arguments joined by blanks can be split differently.',
    );
  }
  if ((exec.commands?.length ?? 0) + (exec.allowed_commands?.length ?? 0) > 0) {
    add(
      'KATA-EXEC-COMMANDS',
      'warning',
      'ExecProcessRequest',
      'The settings allow commands in every container, beyond its probes.',
    );
  }
  return findings;
}

function lintPatterns(policyData: KataPolicyData): KataFinding[] {
  const matcher = new PatternMatcher();
  const { common, request_defaults: requests } = policyData;
  const plain = (pattern: string): string => pattern.replaceAll(/\$\([a-z0-9_-]+\)/gu, 'x');
  const named: [string, string][] = [
    ...requests.CreateContainerRequest.allow_env_regex.map((pattern, index): [string, string] => [
      `request_defaults.CreateContainerRequest.allow_env_regex[${index}]`,
      pattern,
    ]),
    ...requests.ExecProcessRequest.regex.map((pattern, index): [string, string] => [
      `request_defaults.ExecProcessRequest.regex[${index}]`,
      pattern,
    ]),
    ...(['ipv4_a', 'ip_p', 'dns_label', 'sfprefix'] as const).map((name): [string, string] => [
      `common.${name}`,
      common[name],
    ]),
  ];
  return named.flatMap(([path, pattern]) => lintPattern(path, pattern, matcher.isValid(plain(pattern))));
}

function lintPattern(path: string, pattern: string, valid: boolean): KataFinding[] {
  if (!valid) {
    return [
      {
        code: 'KATA-PATTERN-INVALID',
        severity: 'error',
        path,
        message: `The pattern ${pattern} is not valid; it matches nothing.`,
      },
    ];
  }
  if (path.startsWith('common.')) return [];
  if (!pattern.startsWith('^') || !pattern.endsWith('$')) {
    const message = `The pattern ${pattern} is searched anywhere in a text; anchor it with ^ and $.`;
    return [{ code: 'KATA-PATTERN-UNANCHORED', severity: 'warning', path, message }];
  }
  if (!/=\.[*+]\$$/u.test(pattern)) return [];
  return [
    { code: 'KATA-WILDCARD-ENV', severity: 'warning', path, message: `The pattern ${pattern} allows any value.` },
  ];
}

function lintContainer(policyData: KataPolicyData, index: number, profile: KataProfile): KataFinding[] {
  const container = policyData.containers[index];
  if (container === undefined) return [];
  const findings: KataFinding[] = [];
  const add = (code: string, severity: KataFinding['severity'], member: string, message: string): void => {
    findings.push({ code, severity, path: `containers[${index}].${member}`, message });
  };
  const overlay = container.storages.find((storage) => storage.driver === 'overlayfs');
  const hashes = (overlay?.options[1] ?? '').split(':');
  if (profile === 'ms' && (overlay === undefined || hashes.some((hash) => !/^[0-9a-f]{64}$/u.test(hash)))) {
    add('KATA-LAYERS-EMPTY', 'error', 'storages', 'A layer has no root hash: its content is not bound.');
  }
  if (profile === 'upstream' && policyData.cluster_config?.guest_pull === true && index > 0) {
    add(
      'KATA-IMAGE-UNBOUND',
      'info',
      'storages',
      'The image is pulled inside the guest; this policy does not bind its content.',
    );
  }
  const named = container.OCI.Annotations?.['io.kubernetes.cri.sandbox-name'] !== undefined;
  if (profile === 'ms' && !named && container.exec_commands.length > 0) {
    add(
      'KATA-EXEC-CONTROLLER',
      'error',
      'exec_commands',
      'Probes and hooks that run commands are always denied for pods of a controller.',
    );
  }
  if (container.OCI.Process.Capabilities.Bounding.includes('$(privileged_caps)')) {
    add('KATA-PRIVILEGED', 'warning', 'OCI.Process.Capabilities', 'The container is privileged.');
  }
  for (const variable of container.OCI.Process.Env ?? []) {
    const [name = '', ...rest] = variable.split('=');
    if (!/(?:PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_KEY|API_KEY)/iu.test(name) || /^$|\$\(/u.test(rest.join('=')))
      continue;
    add(
      'KATA-SECRET-IN-POLICY',
      'warning',
      'OCI.Process.Env',
      `The variable ${name} has its value in clear text in the policy.`,
    );
  }
  return findings;
}
