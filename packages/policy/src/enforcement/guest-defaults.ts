/** Newest framework and enforcement API whose semantics this evaluator has. */
export const currentFrameworkVersion = '0.5.0';
export const currentApiVersion = '0.12.0';

/** Longest denial text the shipped guest emits, in characters; 0 means unlimited. */
export const shippedDenialLimit = 3072;

export interface CceMount {
  readonly destination: string;
  readonly options: readonly string[];
  readonly source: string;
  readonly type: string;
}

/** The 14 capabilities of an unprivileged container, in the order of the container runtime. */
export const unprivilegedCapabilities: readonly string[] = capabilities(
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE',
);

/** The 41 capabilities of a privileged container, in the order of the container runtime. */
export const privilegedCapabilities: readonly string[] = capabilities(
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
    'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
    'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
    'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE',
);

/** Mounts every Linux container may have. */
export const defaultMounts: readonly CceMount[] = [
  mount('/proc', 'proc', 'proc', 'nosuid noexec nodev'),
  mount('/dev', 'tmpfs', 'tmpfs', 'nosuid strictatime mode=755 size=65536k'),
  mount('/dev/pts', 'devpts', 'devpts', 'nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5'),
  mount('/dev/shm', 'tmpfs', 'shm', 'nosuid noexec nodev mode=1777 size=65536k'),
  mount('/dev/mqueue', 'mqueue', 'mqueue', 'nosuid noexec nodev'),
  mount('/sys', 'sysfs', 'sysfs', 'nosuid noexec nodev ro'),
  mount('/run', 'tmpfs', 'tmpfs', 'nosuid strictatime mode=755 size=65536k'),
  mount('/sys/fs/cgroup', 'cgroup', 'cgroup', 'nosuid noexec nodev relatime ro'),
  mount('/sys/fs/cgroup', 'cgroup2', 'cgroup2', 'nosuid noexec nodev relatime ro'),
];

/** Further mounts of containers whose policy allows elevation. */
export const privilegedMounts: readonly CceMount[] = [
  mount('/sys', 'sysfs', 'sysfs', 'nosuid noexec nodev rw'),
  mount('/sys/fs/cgroup', 'cgroup', 'cgroup', 'nosuid noexec nodev relatime rw'),
  mount('/sys/fs/cgroup', 'cgroup2', 'cgroup2', 'nosuid noexec nodev relatime rw'),
];

/** The sandbox container alone may have a writable sysfs. */
export const sandboxSysMount: CceMount = mount('/sys', 'sysfs', 'sysfs', 'nosuid noexec nodev rw');

export const guestPatterns = {
  device: '/run/mounts/scsi/m[0-9]+',
  rwDevice: '/run/gcs/c/[0-9a-fA-F]{64}',
  plan9Root: '/run/gcs/c',
  plan9Mount: '/mounts/m[0-9]+',
} as const;

export const sandboxPrefix = 'sandbox://';
export const hugePagesPrefix = 'hugepages://';
export const plan9Prefix = 'plan9://';

function capabilities(names: string): readonly string[] {
  return names.split(' ').map((name) => `CAP_${name}`);
}

function mount(destination: string, type: string, source: string, options: string): CceMount {
  return { destination, options: options.split(' '), source, type };
}
