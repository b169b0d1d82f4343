import { createKataEnforcer, type KataEnforcer, type KataRequest } from './evaluate/enforcer.ts';
import type { KataDecision } from './evaluate/decision.ts';
import { completeKataRequest } from './evaluate/request.ts';
import type { KataCommon, KataContainer, KataMount, KataPolicyData, KataProfile, KataStorage } from './policy-data.ts';

/** What the node and the runtime choose for one pod. Ids are 64 lowercase hex characters. */
export interface KataRuntimeNames {
  /** Name and namespace of the pod. */
  readonly podName: string;
  readonly namespace: string;
  readonly podUid: string;
  readonly podIp: string;
  readonly hostIp: string;
  readonly nodeName: string;
  readonly sandboxId: string;
  /** Bundle id of each container, in the order of the policy; the first is the sandbox's own. */
  readonly bundleIds: readonly string[];
  /** Variables that Kubernetes adds to containers, such as those of services: `NAME=value`. */
  readonly extraVariables?: readonly string[];
}

/** The random part in the name of a shared file; the rules accept any sixteen of `a-z0-9`. */
const shareTag = '0123456789abcdef';
const networkUuid = '12345678-1234-1234-1234-123456789abc';

/**
 * The requests with which a runtime would start a pod whose expected policy is known: one CreateContainerRequest per container.
 * Everything in them is an assumption about the node, taken from the settings the policy was generated with.
 */
export function predictKataRequests(
  expected: KataPolicyData,
  profile: KataProfile,
  names: KataRuntimeNames,
): KataRequest[] {
  return expected.containers.map((container, index) => ({
    type: 'CreateContainerRequest',
    input: completeKataRequest('CreateContainerRequest', containerRequest(expected, container, index, profile, names)),
  }));
}

/**
 * Says what a policy would answer to a pod: predicts the pod's requests from its expected `policy_data` and evaluates them in order.
 * @param policy the policy to check, as text, or an enforcer for it
 * @throws MalformedError KATA_POLICY_MALFORMED
 * @throws UnsupportedError KATA_RULES_UNKNOWN
 */
export function verifyKataPod(
  policy: string | KataEnforcer,
  expected: KataPolicyData,
  profile: KataProfile,
  names: KataRuntimeNames,
): KataDecision[] {
  const enforcer = typeof policy === 'string' ? createKataEnforcer(policy) : policy;
  return predictKataRequests(expected, profile, names).map((request) => enforcer.enforce(request));
}

function containerRequest(
  policy: KataPolicyData,
  container: KataContainer,
  index: number,
  profile: KataProfile,
  names: KataRuntimeNames,
): unknown {
  const { OCI: oci } = container;
  const bundleId = names.bundleIds[index] ?? names.sandboxId;
  const fill = filler(policy.common, bundleId, names);
  const volumes: string[] = [];
  const storages = container.storages.flatMap((storage) => storageRequest(container, storage, fill, volumes));
  const points = [...volumes];
  return {
    container_id: bundleId,
    exec_id: bundleId,
    sandbox_pidns: container.sandbox_pidns,
    storages,
    OCI: {
      Version: oci.Version,
      Process: {
        ...oci.Process,
        Args: (oci.Process.Args ?? []).map((argument) => fill(argument).replaceAll('$$', '$')),
        Env: [...(oci.Process.Env ?? []).map(fill), ...(index === 0 ? [] : (names.extraVariables ?? []))],
        Capabilities: Object.fromEntries(
          Object.entries(oci.Process.Capabilities).map(([set, list]) => [set, capabilities(policy.common, list)]),
        ),
      },
      Root: { Path: fill(oci.Root.Path), Readonly: oci.Root.Readonly },
      Mounts: (oci.Mounts ?? []).map((mount) => mountRequest(mount, fill, points)),
      Annotations: annotationsRequest(container, index, profile, names, fill),
      Linux: {
        Namespaces: oci.Linux.Namespaces,
        MaskedPaths: oci.Linux.MaskedPaths,
        ReadonlyPaths: oci.Linux.ReadonlyPaths,
        Devices: oci.Linux.Devices ?? [],
        Sysctl: profile === 'upstream' ? (oci.Linux.Sysctl ?? {}) : {},
      },
    },
  };
}

type Fill = (text: string) => string;

/** Replaces placeholders by what the node chose, and patterns of paths by a path they describe. */
function filler(common: KataCommon, bundleId: string, names: KataRuntimeNames): Fill {
  const cpath = common.cpath.replaceAll(/\(\?:[^)]*\)\?/gu, '');
  const values: Readonly<Record<string, string>> = {
    sfprefix: `${cpath}/${bundleId}-${shareTag}-`,
    cpath,
    spath: common.spath ?? '',
    root_path: (common.root_path ?? '').replaceAll('$(bundle-id)', bundleId),
    'bundle-id': bundleId,
    'sandbox-id': names.sandboxId,
    'sandbox-name': names.podName,
    'sandbox-namespace': names.namespace,
    'host-name': names.podName,
    'host-ip': names.hostIp,
    'pod-ip': names.podIp,
    'pod-uid': names.podUid,
    'node-name': names.nodeName,
    'resource-field': '1',
    'todo-annotation': '',
  };
  return (text) =>
    text.replaceAll(/\$\(([a-z_-]+)\)/gu, (whole, name: string) =>
      Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
    );
}

function capabilities(common: KataCommon, list: readonly string[]): readonly string[] {
  if (list.length !== 1) return list;
  if (list[0] === '$(default_caps)') return common.default_caps;
  return list[0] === '$(privileged_caps)' ? common.privileged_caps : list;
}

/** A path that a pattern of the policy describes: without its anchors and escapes. */
function pathOf(pattern: string, fill: Fill): string {
  const anchored = pattern.startsWith('$(sfprefix)') || pattern.startsWith('^');
  if (!anchored) return fill(pattern);
  const bare = pattern.replace(/^\^/u, '').replace(/\$$/u, '');
  return fill(bare.replaceAll(/\\(.)/gu, '$1'));
}

function mountRequest(mount: KataMount, fill: Fill, points: string[]): KataMount {
  if (mount.source === '' || mount.source.includes('$(b64-direct-vol-path)')) {
    return { ...mount, source: points.shift() ?? '' };
  }
  return { ...mount, source: pathOf(mount.source, fill) };
}

function storageRequest(container: KataContainer, storage: KataStorage, fill: Fill, volumes: string[]): unknown[] {
  const overlay = container.storages.find(({ driver }) => driver === 'overlayfs');
  const layers = (overlay?.options[0] ?? '').split(':');
  const hashes = (overlay?.options[1] ?? '').split(':');
  const flags = 'io.katacontainers.fs-opt.block_device=file,io.katacontainers.fs-opt.is-layer';
  if (storage.fstype === 'tar') {
    const at = Number(/[0-9]+/u.exec(storage.mount_point)?.[0] ?? 0);
    const options = ['ro', ...flags.split(','), `io.katacontainers.fs-opt.root-hash=${hashes[at] ?? ''}`];
    return [{ ...storage, options, mount_point: `/run/kata-containers/sandbox/layers/${layers[at] ?? ''}` }];
  }
  if (storage.driver === 'overlayfs') {
    const described = layers.map((layer, at) => {
      const text = `${layer},tar,ro,${flags},io.katacontainers.fs-opt.root-hash=${hashes[at] ?? ''}`;
      return `io.katacontainers.fs-opt.layer=${Buffer.from(text, 'utf8').toString('base64')}`;
    });
    const prefix =
      'io.katacontainers.fs-opt.layer-src-prefix=/var/lib/containerd/io.containerd.snapshotter.v1.tardev/layers';
    const options = [prefix, ...described, 'io.katacontainers.fs-opt.overlay-rw', `lowerdir=${layers.join(':')}`];
    return [{ ...storage, options, mount_point: fill(storage.mount_point) }];
  }
  if (!storage.mount_point.includes('$(b64')) {
    return [{ ...storage, mount_point: pathOf(storage.mount_point, fill), source: pathOf(storage.source, fill) }];
  }
  // A disk: two hex digits as its place on the bus encode without the characters in which base64 and base64url differ.
  const source = (volumes.length % 256).toString(16).padStart(2, '0');
  const encoded = Buffer.from(source, 'utf8').toString('base64');
  const point = fill(storage.mount_point.replace(/\$\(b64[a-z_-]*\)/u, encoded));
  volumes.push(point);
  const options =
    storage.driver === 'smb' ? [...storage.options, 'addr=10.0.0.4', 'username=u,password=p'] : storage.options;
  const driver = storage.driver === '' ? 'blk' : storage.driver;
  return [{ ...storage, driver, source, options, mount_point: point }];
}

function annotationsRequest(
  container: KataContainer,
  index: number,
  profile: KataProfile,
  names: KataRuntimeNames,
  fill: Fill,
): Record<string, string> {
  const annotations: Record<string, string> = {
    ...container.OCI.Annotations,
    'io.kubernetes.cri.sandbox-id': names.sandboxId,
    'io.kubernetes.cri.sandbox-name': names.podName,
    'io.kubernetes.cri.sandbox-namespace': names.namespace,
    'io.katacontainers.pkg.oci.bundle_path': fill('/run/containerd/io.containerd.runtime.v2.task/k8s.io/$(bundle-id)'),
  };
  if (index === 0) {
    const pattern = container.OCI.Annotations?.['nerdctl/network-namespace'] ?? '';
    annotations['nerdctl/network-namespace'] =
      `/var/run/netns/cni${pattern.includes('cnitest') ? 'test' : ''}-${networkUuid}`;
    annotations['io.kubernetes.cri.sandbox-log-directory'] =
      `/var/log/pods/${names.namespace}_${names.podName}_${names.podUid}`;
  }
  if (profile === 'upstream') {
    (container.devices ?? []).forEach((_, device) => {
      annotations[`cdi.k8s.io/vfio${device}`] = `nvidia.com/gpu=${device}`;
    });
  }
  return annotations;
}
