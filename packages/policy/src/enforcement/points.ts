/** Enforcement points of the guest agent, API 0.12.0. */
export const enforcementPoints = {
  mount_device: point('0.1.0', 'deny'),
  rw_mount_device: point('0.11.0', 'framework'),
  mount_blockdev: point('0.11.1', 'deny'),
  unmount_blockdev: point('0.11.1', 'deny'),
  mount_overlay: point('0.1.0', 'deny'),
  create_container: point('0.1.0', 'deny', { allowStdio: false }),
  unmount_device: point('0.2.0', 'allow'),
  rw_unmount_device: point('0.11.0', 'framework'),
  unmount_overlay: point('0.6.0', 'allow'),
  exec_in_container: point('0.2.0', 'allow'),
  exec_external: point('0.3.0', 'allow', { allowStdio: false }),
  shutdown_container: point('0.4.0', 'allow'),
  signal_container_process: point('0.5.0', 'allow'),
  plan9_mount: point('0.6.0', 'allow'),
  plan9_unmount: point('0.6.0', 'allow'),
  get_properties: point('0.7.0', 'allow'),
  dump_stacks: point('0.7.0', 'allow'),
  runtime_logging: point('0.8.0', 'allow'),
  load_fragment: point('0.9.0', 'deny'),
  scratch_mount: point('0.10.0', 'allow'),
  scratch_unmount: point('0.10.0', 'allow'),
  load_transparency_trust_list: point('0.12.0', 'deny'),
  host_network: point('0.12.0', 'deny'),
} as const satisfies Record<string, EnforcementPoint>;

export type PointName = keyof typeof enforcementPoints;

export interface EnforcementPoint {
  /** API version that brought the point. A policy of a lower version need not define it. */
  readonly introduced: string;
  /** What then happens: `framework` means that the framework's own rule answers. */
  readonly whenAbsent: 'allow' | 'deny' | 'framework';
  readonly allowStdio?: boolean;
}

export function isPointName(name: string): name is PointName {
  return Object.hasOwn(enforcementPoints, name);
}

function point(
  introduced: string,
  whenAbsent: EnforcementPoint['whenAbsent'],
  more: { readonly allowStdio?: boolean } = {},
): EnforcementPoint {
  return { introduced, whenAbsent, ...more };
}
