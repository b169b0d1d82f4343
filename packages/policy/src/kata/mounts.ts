import { type Fields, optionalText } from './fields.ts';
import type { KataMount } from './policy-data.ts';
import type { KataContainerSettings } from './settings.ts';

/** A mount while a policy is being put together. */
export type DraftMount = { -readonly [K in keyof KataMount]: KataMount[K] };

export interface MountInput {
  readonly settings: KataContainerSettings;
  readonly mountDestinations: readonly string[];
  readonly isPause: boolean;
  readonly readonlyRoot: boolean;
  /** Whether `/sys` and `/sys/fs/cgroup` are writable. */
  readonly writableSys: boolean;
  /** `mountPath`s of the container. */
  readonly mountPaths: readonly string[];
  readonly container: Fields | undefined;
}

/** The mounts every container has: containerd's defaults, then those of the settings. */
export function baseMounts(input: MountInput): DraftMount[] {
  const mounts = runtimeMounts(input.isPause, input.writableSys ? 'rw' : 'ro');
  for (const wanted of input.settings.Mounts) {
    if (!input.mountDestinations.includes(wanted.destination) && !input.mountPaths.includes(wanted.destination))
      continue;
    const destination =
      wanted.destination === '/dev/termination-log' && input.container !== undefined
        ? (optionalText(input.container, 'terminationMessagePath') ?? wanted.destination)
        : wanted.destination;
    const source =
      wanted.source === '' && wanted.type_ === 'bind' ? `$(sfprefix)${lastComponent(destination)}$` : wanted.source;
    const existing = mounts.find((mount) => mount.destination === wanted.destination);
    if (existing !== undefined) {
      Object.assign(existing, { source, type_: wanted.type_, options: wanted.options });
      continue;
    }
    const options = [...wanted.options];
    if (!input.isPause && ['/etc/hostname', '/etc/resolv.conf'].includes(wanted.destination)) {
      options.push(input.readonlyRoot ? 'ro' : 'rw');
    }
    mounts.push({ destination, source, type_: wanted.type_, options });
  }
  return mounts;
}

/** The last component of a path; a trailing slash does not count. */
export function lastComponent(path: string): string {
  return path.split('/').findLast((part) => part !== '' && part !== '.') ?? '';
}

function runtimeMounts(isPause: boolean, access: 'ro' | 'rw'): DraftMount[] {
  const plain = ['nosuid', 'noexec', 'nodev'];
  const mount = (destination: string, type_: string, options: string[], source = type_): DraftMount => ({
    destination,
    source,
    type_,
    options,
  });
  return [
    mount('/proc', 'proc', plain),
    mount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    mount('/dev/shm', 'tmpfs', [...plain, 'mode=1777', 'size=65536k'], 'shm'),
    mount('/dev/mqueue', 'mqueue', plain),
    mount('/sys', 'sysfs', [...plain, access]),
    ...(isPause ? [] : [mount('/sys/fs/cgroup', 'cgroup', [...plain, 'relatime', access])]),
  ];
}

/** Replaces the mount at the same destination, or appends. */
export function setMount(mounts: DraftMount[], wanted: DraftMount): void {
  const existing = mounts.find((mount) => mount.destination === wanted.destination);
  if (existing === undefined) mounts.push(wanted);
  else Object.assign(existing, wanted);
}
