import { unprivilegedCapabilities } from '../../src/enforcement/guest-defaults.ts';
import { enforcementPoints } from '../../src/enforcement/points.ts';

export const hash = (digit: number): string => digit.toString(16).padStart(64, '0');
export const sandboxId = 'a'.repeat(64);
export const containerId = 'b'.repeat(64);

export const unprivileged = {
  ambient: [],
  bounding: unprivilegedCapabilities,
  effective: unprivilegedCapabilities,
  inheritable: [],
  permitted: unprivilegedCapabilities,
};

export type Fields = Readonly<Record<string, unknown>>;

export function container(fields: Fields = {}): Fields {
  return {
    name: 'app',
    layers: [hash(1)],
    command: ['/bin/app'],
    env_rules: [{ pattern: 'PATH=/bin', strategy: 'string', required: false }],
    working_dir: '/',
    mounts: [],
    allow_elevated: false,
    exec_processes: [{ command: ['/bin/check'], signals: [] }],
    signals: [],
    user: {
      user_idname: { pattern: '', strategy: 'any' },
      group_idnames: [{ pattern: '', strategy: 'any' }],
      umask: '0022',
    },
    capabilities: unprivileged,
    seccomp_profile_sha256: '',
    allow_stdio_access: true,
    no_new_privileges: false,
    ...fields,
  };
}

export interface PolicyParts {
  readonly containers?: readonly unknown[];
  readonly fragments?: readonly unknown[];
  readonly flags?: Fields;
  /** Further assignments, or others than the usual ones; undefined leaves one out. */
  readonly assignments?: Fields;
}

/** The text of a policy in the newest generation. */
export function policyText({
  containers = [container()],
  fragments = [],
  flags,
  assignments,
}: PolicyParts = {}): string {
  const values: Record<string, unknown> = {
    api_version: '0.12.0',
    framework_version: '0.5.0',
    fragments,
    containers,
    allow_properties_access: true,
    allow_environment_variable_dropping: false,
    allow_capability_dropping: true,
    ...flags,
    ...assignments,
  };
  const lines = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} := ${JSON.stringify(value)}`);
  const bindings = Object.keys(enforcementPoints)
    .filter((point) => !Object.hasOwn(values, point))
    .map((point) => `${point} := data.framework.${point}`);
  return ['package policy', ...lines, ...bindings, 'reason := {"errors": data.framework.errors}'].join('\n\n');
}

export function createInput(fields: Fields = {}): Fields {
  return {
    containerID: containerId,
    sandboxID: sandboxId,
    argList: ['/bin/app'],
    envList: ['PATH=/bin'],
    workingDir: '/',
    mounts: [],
    privileged: false,
    noNewPrivileges: false,
    user: { id: '0', name: 'root' },
    groups: [{ id: '0', name: 'root' }],
    umask: '0022',
    capabilities: unprivileged,
    seccompProfileSHA256: '',
    isSandboxContainer: false,
    ...fields,
  };
}

/** Steps that admit one image for the container. */
export function overlaySteps(
  layers: readonly string[] = [hash(1)],
  id = containerId,
): { point: string; input: Fields }[] {
  const target = (index: number): string => `/run/mounts/scsi/m${index}`;
  return [
    ...layers.map((deviceHash, index) => ({ point: 'mount_device', input: { target: target(index), deviceHash } })),
    {
      point: 'mount_overlay',
      input: {
        containerID: id,
        layerPaths: layers.map((_, index) => target(index)).reverse(),
        target: `/run/gcs/c/${id}/rootfs`,
      },
    },
  ];
}
