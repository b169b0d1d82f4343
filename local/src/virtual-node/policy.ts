import { createHash } from 'node:crypto';

import { toBase64, toHex, toUtf8 } from '@holdfast/base';

/** One rule of a policy's `env_rules`. */
export interface EnvironmentRule {
  readonly pattern: string;
  readonly strategy: 'string' | 're2';
  readonly required: boolean;
}

/** What a policy says about one container. */
export interface PolicyContainer {
  readonly name: string;
  readonly command: readonly string[];
  /** Root hashes, base layer first. */
  readonly layers: readonly string[];
  readonly environment: readonly EnvironmentRule[];
  readonly workingDirectory: string;
  /** Paths mounted from the host, read-write. */
  readonly mounts: readonly string[];
  /** Numeric user id; any user when missing. */
  readonly userId?: number;
}

const CAPABILITIES = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

/** Variables that the platform gives to every container, as patterns. */
const PLATFORM_VARIABLES = [
  '(?i)(FABRIC)_.+=.+',
  'HOSTNAME=.+',
  'T(E)?MP=.+',
  'FabricPackageFileName=.+',
  'HostedServiceName=.+',
  'IDENTITY_API_VERSION=.+',
  'IDENTITY_HEADER=.+',
  'IDENTITY_SERVER_THUMBPRINT=.+',
  'azurecontainerinstance_restarted_by=.+',
];

const FLAGS: readonly (readonly [name: string, value: boolean])[] = [
  ['allow_properties_access', true],
  ['allow_dump_stacks', false],
  ['allow_runtime_logging', false],
  ['allow_environment_variable_dropping', true],
  ['allow_unencrypted_scratch', false],
  ['allow_capability_dropping', true],
];

const ENFORCEMENT_POINTS = [
  'mount_device',
  'unmount_device',
  'mount_overlay',
  'unmount_overlay',
  'create_container',
  'exec_in_container',
  'exec_external',
  'shutdown_container',
  'signal_container_process',
  'plan9_mount',
  'plan9_unmount',
  'get_properties',
  'dump_stacks',
  'runtime_logging',
  'load_fragment',
  'scratch_mount',
  'scratch_unmount',
  'rw_mount_device',
];

/**
 * The text of a confidential computing enforcement (CCE) policy in the layout that the confcom tool writes. The same
 * containers give the same bytes, and so the same measurement.
 */
export function createCcePolicy(containers: readonly PolicyContainer[]): string {
  const flags = FLAGS.map(([name, value]) => `${name} := ${value}`);
  const points = ENFORCEMENT_POINTS.map((point) => `${point} := data.framework.${point}`);
  return [
    'package policy',
    '',
    'import future.keywords.every',
    'import future.keywords.in',
    '',
    'api_version := "0.11.0"',
    'framework_version := "0.2.3"',
    '',
    'fragments := []',
    '',
    `containers := ${JSON.stringify(containers.map(containerObject))}`,
    '',
    ...flags,
    '',
    ...points,
    'reason := {"errors": data.framework.errors}',
  ].join('\n');
}

/** The value of the pod annotation that carries a policy. */
export function encodeCcePolicy(policy: string): string {
  return toBase64(toUtf8(policy));
}

/** SHA-256 of a policy's bytes: the HOST_DATA of a guest that runs under it. 32 bytes. */
export function measureCcePolicy(policy: Uint8Array): Uint8Array {
  return createHash('sha256').update(policy).digest();
}

/** The `azure-cc` enclave id under which UID2 Core knows a policy: its measurement as lower-case hex. */
export function enclaveIdOf(policy: string): string {
  return toHex(measureCcePolicy(toUtf8(policy)));
}

/** Members in code point order, as the measured form of a policy has them. */
function containerObject(container: PolicyContainer): Record<string, unknown> {
  return {
    allow_elevated: false,
    allow_stdio_access: true,
    capabilities: {
      ambient: [],
      bounding: CAPABILITIES,
      effective: CAPABILITIES,
      inheritable: [],
      permitted: CAPABILITIES,
    },
    command: container.command,
    env_rules: [
      ...container.environment.map(ruleObject),
      ruleObject({ pattern: 'TERM=xterm', strategy: 'string', required: false }),
      ...PLATFORM_VARIABLES.map((pattern) => ruleObject({ pattern, strategy: 're2', required: false })),
    ],
    exec_processes: [],
    layers: container.layers,
    mounts: container.mounts.map((destination) => ({
      destination,
      options: ['rbind', 'rshared', 'rw'],
      source: 'sandbox:///tmp/atlas/emptydir/.+',
      type: 'bind',
    })),
    name: container.name,
    no_new_privileges: false,
    seccomp_profile_sha256: '',
    signals: [9, 15],
    user: {
      group_idnames: [{ pattern: '', strategy: 'any' }],
      umask: '0022',
      user_idname:
        container.userId === undefined
          ? { pattern: '', strategy: 'any' }
          : { pattern: String(container.userId), strategy: 'id' },
    },
    working_dir: container.workingDirectory,
  };
}

function ruleObject(rule: EnvironmentRule): Record<string, unknown> {
  return { pattern: rule.pattern, required: rule.required, strategy: rule.strategy };
}
