import { describe, it } from 'vitest';

import { diffPolicyData } from '../../src/kata/diff.ts';
import { createKataEnforcer } from '../../src/kata/evaluate/enforcer.ts';
import { applyJsonPatch } from '../../src/kata/json-patch.ts';
import type { KataPolicyData, KataProfile } from '../../src/kata/policy-data.ts';
import { type KataRuntimeNames, predictKataRequests } from '../../src/kata/predict.ts';
import { defaultKataSettings } from '../../src/kata/settings.ts';
import { generateSmall, smallPolicy } from './small-policy.ts';

const claim =
  'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: c }\nspec: { storageClassName: azurefile-csi-kata-cc }\n';

/** A pod that uses most of what a policy can express. */
const richPod = `apiVersion: v1
kind: Pod
metadata: { name: rich }
spec:
  containers:
    - name: app
      image: app
      command: [run, $(NODE)]
      resources: { limits: { nvidia.com/pgpu: '1' } }
      env:
        - { name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
        - { name: IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
      volumeMounts: [{ name: tmp, mountPath: /t }, { name: smb, mountPath: /s }]
  volumes:
    - { name: tmp, emptyDir: {} }
    - { name: smb, persistentVolumeClaim: { claimName: c } }
`;

const names: KataRuntimeNames = {
  podName: 'rich',
  namespace: 'default',
  podUid: '01234567-89ab-cdef-0123-456789abcdef',
  podIp: '10.0.0.7',
  hostIp: '10.0.0.1',
  nodeName: 'node-1',
  sandboxId: 'b'.repeat(64),
  bundleIds: ['b'.repeat(64), 'c'.repeat(64)],
};

interface Change {
  readonly what: string;
  readonly predicate: string;
  readonly patch: readonly unknown[];
}

const annotation = (name: string): string => `/OCI/Annotations/${name.replaceAll('/', '~1')}`;
const set = (path: string, value: unknown): unknown => ({ op: 'add', path, value });

const bothProfiles: readonly Change[] = [
  ...(
    [
      ['Linux/Seccomp', {}],
      ['Linux/IntelRdt', {}],
      ['Linux/MountLabel', 'x'],
      ['Linux/RootfsPropagation', 'shared'],
      ['Linux/UIDMappings', [{}]],
      ['Linux/GIDMappings', [{}]],
      ['Linux/Resources/Devices', [{}]],
      ['Linux/Resources/BlockIO', {}],
      ['Linux/Resources/Network', {}],
      ['Linux/Resources/Pids', {}],
      ['Solaris', {}],
      ['Windows', {}],
      ['Process/SelinuxLabel', 'x'],
      ['Process/User/Username', 'x'],
    ] as const
  ).map(([path, value]) => ({ what: path, predicate: 'input', patch: [set(`/OCI/${path}`, value)] })),
  { what: 'string_user', predicate: 'input', patch: [set('/string_user', {})] },
  { what: 'shared_mounts', predicate: 'input', patch: [set('/shared_mounts', [{}])] },
  {
    what: 'a workload that calls itself a sandbox to the runtime',
    predicate: 'container-type',
    patch: [set(annotation('io.katacontainers.pkg.oci.container_type'), 'pod_sandbox')],
  },
  {
    what: 'a log directory',
    predicate: 'container-type',
    patch: [set(annotation('io.kubernetes.cri.sandbox-log-directory'), '/var/log/pods/x')],
  },
  { what: 'a pod address that is none', predicate: 'env', patch: [set('/OCI/Process/Env', ['IP=10.0.0.7.evil'])] },
  { what: 'no capability sets', predicate: 'capabilities', patch: [set('/OCI/Process/Capabilities', null)] },
];

const msOnly: readonly Change[] = [
  {
    what: 'a group on a storage',
    predicate: 'storages',
    patch: [set('/storages/0/fs_group', { group_id: 1, group_change_policy: 0 })],
  },
  {
    what: 'SMB credentials with more in them',
    predicate: 'storages',
    patch: [{ op: 'replace', path: '/storages/4/options/8', value: 'username=u,password=p,uid=0' }],
  },
  {
    what: 'SMB options without an address',
    predicate: 'storages',
    patch: [set('/storages/4/options', ['username=u,password=p'])],
  },
  {
    what: 'a volume at another place',
    predicate: 'storages',
    patch: [set('/storages/4/mount_point', '/run/kata-containers/sandbox/storage/eA==')],
  },
  { what: 'layers in another order', predicate: 'storages', patch: [set('/storages/2/options', [])] },
];

const pulled = {
  driver: 'image_guest_pull',
  driver_options: [],
  source: 'app',
  fstype: 'overlay',
  options: [],
  mount_point: `/run/kata-containers/${'c'.repeat(64)}/rootfs`,
  fs_group: null,
  shared: false,
};

const upstreamOnly: readonly Change[] = [
  { what: 'a directory from elsewhere', predicate: 'mounts', patch: [set('/OCI/Mounts/13/source', '/etc')] },
  { what: 'a disk that is not shared', predicate: 'storages', patch: [set('/storages/0/shared', false)] },
  { what: 'a disk with a strange source', predicate: 'storages', patch: [set('/storages/0/source', '../x')] },
  { what: 'an image with options', predicate: 'storages', patch: [set('/storages/-', { ...pulled, options: ['x'] })] },
  {
    what: 'an image at another place',
    predicate: 'storages',
    patch: [set('/storages/-', { ...pulled, mount_point: '/x' })],
  },
  { what: 'a shared image', predicate: 'storages', patch: [set('/storages/-', { ...pulled, shared: true })] },
  {
    what: 'two network namespaces',
    predicate: 'namespaces',
    patch: ['a', 'b'].map((Path) => set('/OCI/Linux/Namespaces/-', { Type: 'network', Path })),
  },
  {
    what: 'a device of another type',
    predicate: 'devices',
    patch: [set('/devices', [{ type_: 'x', container_path: '/dev/vfio/devices/vfio0' }])],
  },
  { what: 'a Linux device', predicate: 'linux-devices', patch: [set('/OCI/Linux/Devices', [{ Path: '/dev/mem' }])] },
];

async function prepare(profile: KataProfile): Promise<{ policy: KataPolicyData; app: unknown; sandbox: unknown }> {
  const { policies } = await generateSmall(richPod, { settings: defaultKataSettings(profile), extra: [claim] });
  const policy = policies[0]?.policyData;
  if (policy === undefined) throw new Error('no policy was generated');
  const [sandbox, app] = predictKataRequests(policy, profile, names);
  return { policy, sandbox: sandbox?.input, app: app?.input };
}

describe.each([
  ['ms', [...bothProfiles, ...msOnly]],
  ['upstream', [...bothProfiles, ...upstreamOnly]],
] as const)('createKataEnforcer in the %s profile', (profile, changes) => {
  it('allows the container as the runtime starts it, with any node name in its command', async ({ expect }) => {
    const { policy, app } = await prepare(profile);
    const enforcer = createKataEnforcer(policy, profile);
    for (const node of ['node-1', 'another']) {
      const input = applyJsonPatch(app, [
        set('/OCI/Process/Args/1', node),
        { op: 'remove', path: '/OCI/Process/Args/2' },
      ]);
      const { allowed, message } = enforcer.enforce({ type: 'CreateContainerRequest', input });
      expect(allowed, message).toBe(true);
    }
  });

  for (const { what, predicate, patch } of changes) {
    it(`denies ${what}, because of ${predicate}`, async ({ expect }) => {
      const { policy, app } = await prepare(profile);
      const enforcer = createKataEnforcer(policy, profile);
      const decision = enforcer.enforce({ type: 'CreateContainerRequest', input: applyJsonPatch(app, patch) });
      expect([...new Set(decision.causes.map((cause) => cause.predicate))], decision.message).toEqual([predicate]);
    });
  }
});

describe('createKataEnforcer', () => {
  it('allows an image pulled in the guest beside the storages of the policy', async ({ expect }) => {
    const { policy, app } = await prepare('upstream');
    const input = applyJsonPatch(app, [set('/storages/-', pulled)]);
    const { allowed, message } = createKataEnforcer(policy, 'upstream').enforce({
      type: 'CreateContainerRequest',
      input,
    });
    expect(allowed, message).toBe(true);
  });

  it('denies a bundle id in capitals, though all paths agree with it', async ({ expect }) => {
    const { policy, app } = await prepare('ms');
    const input: unknown = JSON.parse(JSON.stringify(app).replaceAll('c'.repeat(64), 'C'.repeat(64)));
    const decision = createKataEnforcer(policy, 'ms').enforce({ type: 'CreateContainerRequest', input });
    expect(decision.causes[0]?.predicate).toBe('bundle-id');
  });

  it('lets no link lead out of the data folder in the MS profile', async ({ expect }) => {
    const enforcer = createKataEnforcer(await smallPolicy(), 'ms');
    const path = `/run/kata-containers/shared/containers/${'a'.repeat(64)}-0123456789abcdef-cm/k`;
    const copy = (symlink_src: string): boolean =>
      enforcer.enforce({ type: 'CopyFileRequest', input: { path, symlink_src } }).allowed;
    expect([copy('..data/k'), copy('..2026_01_02_03_04_05.123')]).toEqual([true, true]);
    expect([copy('..data/../../x'), copy('..data/..'), copy('/etc')]).toEqual([false, false, false]);
  });
});

describe('generateKata', () => {
  const withNames = async (yaml: string): Promise<string | undefined> => {
    const { policies } = await generateSmall(yaml, { settings: defaultKataSettings('upstream') });
    return policies[0]?.policyData.containers[0]?.OCI.Annotations?.['io.kubernetes.cri.sandbox-name'];
  };
  const s = '[bcdfghjklmnpqrstvwxz2456789]+';
  const template = '{ spec: { containers: [{ name: c, image: i }] } }';

  it('writes the pattern of the pod names that each controller makes upstream', async ({ expect }) => {
    const expected: [string, string][] = [
      ['Deployment', `^n-${s}-${s}$`],
      ['ReplicaSet', `^n-${s}$`],
      ['DaemonSet', `^n-${s}$`],
      ['StatefulSet', '^n-[0-9]+$'],
      ['Job', `^n(-[0-9]+)?-${s}$`],
    ];
    for (const [kind, pattern] of expected) {
      expect(await withNames(`kind: ${kind}\nmetadata: { name: n }\nspec: { template: ${template} }`), kind).toBe(
        pattern,
      );
    }
    const cron = `kind: CronJob\nmetadata: { name: n }\nspec: { jobTemplate: { spec: { template: ${template} } } }`;
    expect(await withNames(cron)).toBe(`^n-[0-9]+(-[0-9]+)?-${s}$`);
    const made = 'kind: Pod\nmetadata: { generateName: n.x- }\nspec: { containers: [{ name: c, image: i }] }';
    expect(await withNames(made)).toBe(String.raw`^n\.x\-${s}$`);
  });

  it('leaves the host name namespace to the host for pods in its network', async ({ expect }) => {
    const yaml = 'kind: Pod\nmetadata: { name: n }\nspec: { hostNetwork: true, containers: [{ name: c, image: i }] }';
    const { policies } = await generateSmall(yaml);
    const pause = policies[0]?.policyData.containers[0];
    expect(pause?.OCI.Linux.Namespaces.map(({ Type }) => Type)).toEqual(['ipc', 'mount']);
    expect(pause?.OCI.Annotations?.['nerdctl/network-namespace']).toMatch(/^\^\/var\/run\/netns\/cnitest-/u);
  });

  it('knows labels as a source of variables upstream only', async ({ expect }) => {
    const field = '{ name: A, valueFrom: { fieldRef: { fieldPath: "metadata.labels[\'l\']" } } }';
    const yaml = `kind: Pod\nmetadata: { name: n, labels: { l: v } }\nspec: { containers: [{ name: c, image: i, env: [${field}] }] }`;
    await expect(generateSmall(yaml)).rejects.toMatchObject({ code: 'KATA_MANIFEST_UNSUPPORTED' });
    const { policies } = await generateSmall(yaml, { settings: defaultKataSettings('upstream') });
    expect(policies[0]?.policyData.containers[1]?.OCI.Process.Env).toContain('A=v');
  });
});

describe('diffPolicyData', () => {
  it('pairs the sandbox with the sandbox even when its image changed', async ({ expect }) => {
    const before = await smallPolicy();
    const after = applyJsonPatch(before, [set('/containers/0/storages/2/options/1', 'x')]) as KataPolicyData;
    expect(diffPolicyData(before, after).map(({ kind, path }) => [kind, path])).toEqual([
      ['changed', 'containers[0].storages[2].options'],
    ]);
  });
});
