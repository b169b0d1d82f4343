/** Where the guest finds what a volume of each type holds: the `source` of a mount in a policy. */
export const mountSources: Readonly<Record<string, string>> = {
  azureFile: 'sandbox:///tmp/atlas/azureFileVolume/.+',
  secret: 'sandbox:///tmp/atlas/secretsVolume/.+',
  secretsSource: 'plan9://',
  emptyDir: 'sandbox:///tmp/atlas/emptydir/.+',
  resolvconf: 'sandbox:///tmp/atlas/resolvconf/.+',
  gitRepo: 'sandbox:///tmp/atlas/gitRepoVolume/.+',
};

export interface DefaultMount {
  readonly destination: string;
  /** A key of `mountSources`. */
  readonly volumeType: string;
  readonly readOnly: boolean;
}

const emptyDir = (destination: string, readOnly = false): DefaultMount => ({
  destination,
  volumeType: 'emptyDir',
  readOnly,
});

/** Added to each ACI container that does not mount the path itself. */
export const aciResolvConf: DefaultMount = {
  destination: '/etc/resolv.conf',
  volumeType: 'resolvconf',
  readOnly: false,
};
export const aciConfigMap: DefaultMount = emptyDir('/mnt/configmap');

export const vn2WorkloadIdentityMount: DefaultMount = emptyDir('/var/run/secrets/azure/tokens', true);
export const vn2PrivilegedMounts: readonly DefaultMount[] = [emptyDir('/sys/fs/cgroup'), emptyDir('/sys')];
/** Added to each virtual node container that does not mount the path itself. */
export const vn2ResolvConf: DefaultMount = emptyDir('/etc/resolv.conf');
/** Added to each virtual node container, even a second time. */
export const vn2DefaultMounts: readonly DefaultMount[] = [
  emptyDir('/var/run/secrets/kubernetes.io/serviceaccount', true),
  emptyDir('/etc/hosts'),
  emptyDir('/dev/termination-log'),
  emptyDir('/etc/hostname'),
];
