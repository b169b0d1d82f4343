import { MalformedError, PlatformError, RequestError, UnsupportedError } from '@holdfast/base';
import { describe, it } from 'vitest';

import { readKataAnnotation } from '../../src/kata/annotation.ts';
import { createKataEnforcer } from '../../src/kata/evaluate/enforcer.ts';
import { expandArguments, expandVariables } from '../../src/kata/environment.ts';
import { kataImageOf, layerNames } from '../../src/kata/image.ts';
import { applyJsonPatch } from '../../src/kata/json-patch.ts';
import type { KataContainer } from '../../src/kata/policy-data.ts';
import { parseKataPolicy } from '../../src/kata/policy-document.ts';
import { checkKataSettings, defaultKataSettings } from '../../src/kata/settings.ts';
import { podAnnotation, podTemplates, readManifests } from '../../src/manifests/index.ts';
import { generateSmall, smallImage, smallPod } from './small-policy.ts';
import { vectorsMissing, vectorText } from './vectors.ts';

/** A pod manifest with more fields in its spec or its only container, as indented YAML. */
function pod(spec: string, container = ''): string {
  const indent = (text: string, by: string): string => text.replaceAll(/^(?=.)/gmu, by);
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n${indent(spec, '  ')}\n  containers:\n    - name: app\n      image: app\n${indent(container, '      ')}\n`;
}

async function containerOf(yaml: string, options: Parameters<typeof generateSmall>[1] = {}): Promise<KataContainer> {
  const { policies } = await generateSmall(yaml, options);
  const container = policies[0]?.policyData.containers[1];
  if (container === undefined) throw new Error('the policy has no container');
  return container;
}

const upstream = { settings: defaultKataSettings('upstream') };

describe('generateKata', () => {
  it('annotates the pod and changes no other byte', async ({ expect }) => {
    const { annotatedYaml, policies } = await generateSmall(smallPod);
    const lines = annotatedYaml.split('\n');
    const kept = lines.filter((line) => !line.includes('annotations:') && !line.includes('agent.policy'));
    expect(kept.join('\n')).toBe(smallPod);
    const [template] = podTemplates(readManifests(annotatedYaml));
    const value = template === undefined ? undefined : podAnnotation(template, 'io.katacontainers.config.agent.policy');
    expect(value).toBe(policies[0]?.base64);
    expect(readKataAnnotation('ms', value ?? '')).toMatchObject({
      policyText: policies[0]?.policyText,
      hostData: policies[0]?.sha256,
    });
  });

  it('gives the same policy for the manifest that it annotated', async ({ expect }) => {
    for (const options of [{}, upstream]) {
      const yaml = options === upstream ? pod('', 'securityContext: { runAsUser: 7, runAsGroup: 8 }') : smallPod;
      const first = await generateSmall(yaml, options);
      const second = await generateSmall(first.annotatedYaml, options);
      expect(second.annotatedYaml).toBe(first.annotatedYaml);
      expect(second.policies[0]?.sha256).toBe(first.policies[0]?.sha256);
    }
  });

  it('puts an initdata document into the annotation upstream and measures its bytes', async ({ expect }) => {
    const { policies } = await generateSmall(pod(''), {
      ...upstream,
      initdata: { algorithm: 'sha384', data: { 'aa.toml': 'x = 1\n' } },
    });
    const read = readKataAnnotation('upstream', policies[0]?.base64 ?? '');
    expect(read.policyText).toBe(policies[0]?.policyText);
    expect(read.digest).toBe(policies[0]?.sha256);
    expect(read.hostData).toBe(read.digest.slice(0, 64));
    expect(Object.keys(read.initdata?.data ?? {})).toEqual(['aa.toml', 'policy.rego']);
  });

  it('handles every item of a List and every controller, and leaves other kinds alone', async ({ expect }) => {
    const template = '{ spec: { containers: [{ name: c, image: i }] } }';
    const yaml = [
      `apiVersion: v1\nkind: List\nitems:\n  - { apiVersion: v1, kind: Service, metadata: { name: s } }\n  - { apiVersion: apps/v1, kind: Deployment, metadata: { name: d }, spec: { template: ${template} } }`,
      `apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: c }\nspec: { jobTemplate: { spec: { template: ${template} } } }`,
      `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: { name: e }\nspec: { template: ${template} }`,
    ].join('\n---\n');
    const { annotatedYaml, policies } = await generateSmall(yaml);
    expect(policies.map(({ kind, documentIndex }) => [kind, documentIndex])).toEqual([
      ['Deployment', 0],
      ['CronJob', 1],
      ['DaemonSet', 2],
    ]);
    const values = podTemplates(readManifests(annotatedYaml)).map((one) =>
      podAnnotation(one, 'io.katacontainers.config.agent.policy'),
    );
    expect(values).toEqual(policies.map(({ base64 }) => base64));
  });

  it('refuses kinds, fields, subPath and volume types that no policy covers', async ({ expect }) => {
    const refused: [string, string][] = [
      ['apiVersion: v1\nkind: Gadget\n', 'KATA_KIND_UNSUPPORTED'],
      [pod('', 'workingDir: /x'), 'KATA_FIELD_UNKNOWN'],
      [pod('hostPID: true'), 'KATA_FIELD_UNKNOWN'],
      [
        pod('volumes: [{ name: v, emptyDir: {} }]', 'volumeMounts: [{ name: v, mountPath: /v, subPath: s }]'),
        'KATA_MANIFEST_UNSUPPORTED',
      ],
      [
        pod('', 'env: [{ name: A, valueFrom: { fieldRef: { fieldPath: status.phase } } }]'),
        'KATA_MANIFEST_UNSUPPORTED',
      ],
    ];
    for (const [yaml, code] of refused) await expect(generateSmall(yaml), yaml).rejects.toMatchObject({ code });
    await expect(generateSmall(pod('', 'workingDir: /x'))).rejects.toBeInstanceOf(UnsupportedError);
    await expect(generateSmall(pod('', 'workingDir: /x'), { tolerateUnknownFields: true })).resolves.toBeDefined();
  });

  it('skips pods of other runtime classes when it is told which ones count', async ({ expect }) => {
    const classes = { runtimeClassNames: ['kata-cc'] };
    const count = async (spec: string): Promise<number> => (await generateSmall(pod(spec), classes)).policies.length;
    expect(await count('runtimeClassName: runc')).toBe(0);
    expect(await count('runtimeClassName: kata-cc-isolation')).toBe(1);
    expect(await count('')).toBe(1);
  });

  it('refuses a document that is no resource', async ({ expect }) => {
    await expect(generateSmall(`${smallPod}---\njust text\n`)).rejects.toMatchObject({ code: 'KATA_MANIFEST_INVALID' });
    await expect(generateSmall(`${smallPod}---\n`)).resolves.toBeDefined();
  });

  it('names the field of a wrong type', async ({ expect }) => {
    for (const container of [
      'env: [{ name: A, value: 1 }]',
      'command: sh',
      'tty: "yes"',
      'securityContext: { runAsUser: -1 }',
    ]) {
      await expect(generateSmall(pod('', container)), container).rejects.toBeInstanceOf(MalformedError);
    }
    await expect(generateSmall(pod('', 'env: [{ name: A, value: 1 }]'))).rejects.toThrow(
      'spec.containers[0].env[0].value',
    );
  });

  it('lets no error but its own out for deep, aliased and huge manifests', async ({ expect }) => {
    const bombs = [
      `a: ${'['.repeat(100_000)}`,
      `a: &a [x,x]\nb: &b [*a,*a]\nc: [${'*b,'.repeat(50_000)}]`,
      '\u0000',
      'kind: Pod',
    ];
    for (const yaml of bombs) await expect(generateSmall(yaml)).rejects.toBeInstanceOf(PlatformError);
  });
});

describe('generateKata takes variables', () => {
  const map = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: m }\ndata: { b: "2", a: "1" }\n';
  const secret = 'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata: { k: aGk= }\n';
  const sources = [
    '- { name: M, valueFrom: { configMapKeyRef: { name: m, key: a } } }',
    '- { name: S, valueFrom: { secretKeyRef: { name: s, key: k } } }',
    '- { name: N, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }',
    '- { name: U, valueFrom: { fieldRef: { fieldPath: metadata.uid } } }',
    '- { name: T, valueFrom: { fieldRef: { fieldPath: "metadata.annotations[\'x\']" } } }',
    '- { name: R, valueFrom: { resourceFieldRef: { resource: limits.cpu } } }',
    '- { name: PATH, value: /usr }',
  ].join('\n');

  it('from ConfigMaps, Secrets and the pod, in their order and without overriding', async ({ expect }) => {
    const yaml = pod('', `env:\n${sources}\nenvFrom: [{ prefix: IGNORED_, configMapRef: { name: m } }]`);
    const container = await containerOf(yaml, { extra: [map, secret] });
    expect(container.OCI.Process.Env).toEqual([
      'PATH=/bin',
      'HOSTNAME=$(host-name)',
      'M=1',
      'S=hi',
      'N=default',
      'U=$(pod-uid)',
      'T=$(todo-annotation)',
      'R=$(resource-field)',
      'PATH=/usr',
      'a=1',
      'b=2',
    ]);
  });

  it('only from sources that were given', async ({ expect }) => {
    await expect(generateSmall(pod('', `env:\n${sources}`), { extra: [map] })).rejects.toBeInstanceOf(RequestError);
    const missingKey = 'env: [{ name: M, valueFrom: { configMapKeyRef: { name: m, key: zzz } } }]';
    await expect(generateSmall(pod('', missingKey), { extra: [map] })).rejects.toMatchObject({
      code: 'KATA_REFERENCE_MISSING',
    });
    await expect(generateSmall(pod('', 'env: [{ name: A }]'))).rejects.toMatchObject({ code: 'KATA_MANIFEST_INVALID' });
  });

  it('and leaves the namespace to the request upstream when the manifest names none', async ({ expect }) => {
    const yaml = pod('', 'env: [{ name: N, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }]');
    expect((await containerOf(yaml, upstream)).OCI.Process.Env).toContain('N=$(sandbox-namespace)');
  });
});

describe('expandVariables', () => {
  it('follows chains, but looks only at the first reference of a value', ({ expect }) => {
    const variables = ['A=$(B)/$(B)', 'B=$(C)', 'C=c', 'D=$(missing) $(C)', 'E=x=$(C)', 'F=$(pod-ip)', 'G=$(F) $(C)'];
    expandVariables(variables);
    expect(variables).toEqual([
      'A=c/c',
      'B=c',
      'C=c',
      'D=$(missing) $(C)',
      'E=x=$(C)',
      'F=$(pod-ip)',
      'G=$(pod-ip) $(C)',
    ]);
  });

  it('ends for references in a circle and refuses values that grow without bound', ({ expect }) => {
    const circle = ['A=$(B)', 'B=$(A)', 'C=$(C)'];
    expandVariables(circle);
    expect(circle).toEqual(['A=$(B)', 'B=$(A)', 'C=$(C)']);
    const bomb = ['V0=xxxxxxxxxx', ...Array.from({ length: 30 }, (_, at) => `V${at + 1}=${`$(V${at})`.repeat(10)}`)];
    expect(() => {
      expandVariables(bomb);
    }).toThrow(UnsupportedError);
  });
});

describe('expandArguments', () => {
  it('replaces one reference after the other until one is unknown', ({ expect }) => {
    expect(expandArguments(['$(A) $(A) $(X) $(A)'], ['A=1'])).toEqual(['1 1 $(X) $(A)']);
  });
});

describe('generateKata writes for a container', () => {
  it('the command of the manifest, or the entry point with its arguments', async ({ expect }) => {
    const argsOf = async (container: string): Promise<readonly string[] | undefined> =>
      (await containerOf(pod('', container))).OCI.Process.Args;
    expect(await argsOf('')).toEqual(['/entry', 'default']);
    expect(await argsOf('args: [a]')).toEqual(['/entry', 'a']);
    expect(await argsOf('command: [c]')).toEqual(['c']);
    expect(await argsOf('command: [c]\nargs: [a]')).toEqual(['c', 'a']);
  });

  it('its capabilities, where add wins over drop', async ({ expect }) => {
    const of = async (text: string): Promise<readonly string[]> =>
      (await containerOf(pod('', `securityContext: ${text}`))).OCI.Process.Capabilities.Bounding;
    expect(await of('{ capabilities: { drop: [ALL], add: [NET_ADMIN] } }')).toEqual(['CAP_NET_ADMIN']);
    expect(await of('{ privileged: true }')).toEqual(['$(privileged_caps)']);
    expect(await of('{ capabilities: { drop: [KILL], add: [KILL] } }')).toContain('CAP_KILL');
    expect(await of('{ capabilities: { drop: [KILL] } }')).not.toContain('CAP_KILL');
  });

  it('commands of probes and hooks: as text in the MS profile, as lists upstream', async ({ expect }) => {
    const yaml = pod(
      '',
      'lifecycle: { preStop: { exec: { command: [stop, now] } } }\nlivenessProbe: { exec: { command: [live] } }',
    );
    expect((await containerOf(yaml)).exec_commands).toEqual(['live', 'stop now']);
    expect((await containerOf(yaml, upstream)).exec_commands).toEqual([['live'], ['stop', 'now']]);
  });

  it('init containers in front, the last one first', async ({ expect }) => {
    const { policies } = await generateSmall(pod('initContainers: [{ name: i1, image: a }, { name: i2, image: b }]'));
    const names = policies[0]?.policyData.containers.map(
      ({ OCI }) => OCI.Annotations?.['io.kubernetes.cri.container-name'],
    );
    expect(names).toEqual([undefined, 'i2', 'i1', 'app']);
  });

  it('mounts and storages of its volumes', async ({ expect }) => {
    const claim =
      'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: c }\nspec: { storageClassName: azurefile-csi-kata-cc }\n';
    const volumes = [
      '- { name: tmp, emptyDir: { medium: Memory } }',
      '- { name: dev, hostPath: { path: /dev/x } }',
      '- { name: host, hostPath: { path: /srv/x } }',
      '- { name: smb, persistentVolumeClaim: { claimName: c } }',
    ].join('\n');
    const mounts =
      '[{ name: tmp, mountPath: /t }, { name: dev, mountPath: /d }, { name: host, mountPath: /h/data, mountPropagation: Bidirectional, readOnly: true }, { name: smb, mountPath: /s }]';
    const container = await containerOf(pod(`volumes:\n${volumes}`, `volumeMounts: ${mounts}`), { extra: [claim] });
    expect(
      container.OCI.Mounts?.slice(-4).map(({ destination, source, options }) => [destination, source, options.join()]),
    ).toEqual([
      ['/t', '^/run/kata-containers/sandbox/ephemeral/tmp$', 'rbind,rprivate,rw'],
      ['/d', '/dev/x', 'rbind,rprivate,rw'],
      ['/h/data', '$(sfprefix)data$', 'rbind,rshared,ro'],
      ['/s', '$(spath)/$(b64-direct-vol-path)', 'rbind,rprivate,rw'],
    ]);
    expect(container.storages.slice(-2).map(({ driver, source }) => [driver, source])).toEqual([
      ['ephemeral', 'tmpfs'],
      ['smb', '$(direct-vol-path)'],
    ]);
  });

  it('an encrypted disk for an emptyDir upstream, and two ways when it is shared', async ({ expect }) => {
    const yaml = pod(
      'volumes: [{ name: v, emptyDir: {} }]\nsecurityContext: { fsGroup: 7 }',
      'volumeMounts: [{ name: v, mountPath: /v.d }]',
    );
    const block = await containerOf(yaml, upstream);
    expect(block.storages).toMatchObject([
      { driver: '', fstype: 'ext4', shared: true, fs_group: { group_id: 7, group_change_policy: 0 } },
    ]);
    const shared = checkKataSettings(
      'upstream',
      applyJsonPatch(upstream.settings, [{ op: 'replace', path: '/cluster_config/emptydir_type', value: 'shared-fs' }]),
    );
    const both = (await containerOf(yaml, { settings: shared })).OCI.Mounts?.filter(
      ({ destination }) => destination === '/v.d',
    );
    expect(both?.map(({ source }) => source)).toEqual([
      '^$(cpath)/$(sandbox-id)/rootfs/local/v$',
      String.raw`$(sfprefix)v\.d$`,
    ]);
  });
});

describe('generateKata takes the user', () => {
  const as = (User: string, passwd = '') => ({
    imageFacts: (reference: string) =>
      Promise.resolve(smallImage(reference, { config: { Entrypoint: ['x'], User }, passwd, group: 'staff:x:50:\n' })),
  });

  it('of the image by number, and warns about a name, in the MS profile', async ({ expect }) => {
    expect((await containerOf(pod(''), as('7:8'))).OCI.Process.User).toMatchObject({ UID: 7, GID: 8 });
    const named = await generateSmall(pod(''), as('nginx'));
    expect(named.policies[0]?.policyData.containers[1]?.OCI.Process.User.UID).toBe(0);
    expect(named.warnings.join()).toContain('nginx');
    await expect(generateSmall(pod(''), as('7:staff'))).rejects.toMatchObject({ code: 'KATA_IMAGE_UNSUPPORTED' });
  });

  it('of the manifest before that of the image, but never for a CronJob in the MS profile', async ({ expect }) => {
    expect((await containerOf(pod('securityContext: { runAsUser: 9 }'), as('7'))).OCI.Process.User.UID).toBe(9);
    const cron =
      'apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: c }\nspec: { jobTemplate: { spec: { template: { spec: { securityContext: { runAsUser: 9 }, containers: [{ name: c, image: i }] } } } } }';
    expect((await containerOf(cron, as('7'))).OCI.Process.User.UID).toBe(7);
  });

  it('by name from the files of the image upstream', async ({ expect }) => {
    const passwd = 'nginx:x:101:102::/:/x\n';
    const settings = checkKataSettings(
      'upstream',
      applyJsonPatch(upstream.settings, [{ op: 'replace', path: '/cluster_config/guest_pull', value: false }]),
    );
    const container = await containerOf(pod(''), { settings, ...as('nginx:staff', passwd) });
    expect(container.OCI.Process.User).toMatchObject({ UID: 101, GID: 102, AdditionalGids: [102] });
    await expect(generateSmall(pod(''), { settings, ...as('ghost', passwd) })).rejects.toMatchObject({
      code: 'KATA_IMAGE_UNSUPPORTED',
    });
  });

  it('only when the manifest states what an image pulled in the guest could change', async ({ expect }) => {
    const passwd = 'u:x:7:0::/:/x\n';
    await expect(generateSmall(pod(''), { ...upstream, ...as('7', passwd) })).rejects.toMatchObject({
      code: 'KATA_IMAGE_UNSUPPORTED',
    });
    const stated = pod('', 'securityContext: { runAsUser: 7 }');
    await expect(generateSmall(stated, { ...upstream, ...as('7', passwd) })).resolves.toBeDefined();
  });
});

describe('kataImageOf', () => {
  it('names layers by the digest of their chain id', ({ expect }) => {
    const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
    // Computed with another program, from the texts `sha256:1…` and `sha256:` + SHA-256 of both digests joined by a blank.
    expect(layerNames([digest('1'), digest('2')])).toEqual([
      '5d4cc820b37f3d1fd0c6e04ed50a56ead8d497ecfd3c25c749855ed9d852837d',
      'd407c7b32db2fef59d2adcf16fb116e655b04c848fa702ff3a79548fa322ce46',
    ]);
  });

  it('refuses layers that are not gzip or have no root hash', ({ expect }) => {
    const [layer] = smallImage('i').layers;
    if (layer === undefined) throw new Error('the image has no layer');
    const zstd = smallImage('i', { layers: [{ ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }] });
    expect(() => kataImageOf(zstd, 'ms')).toThrow(UnsupportedError);
    const { rootHashTarfs: _, ...bare } = layer;
    expect(() => kataImageOf(smallImage('i', { layers: [bare] }), 'ms')).toThrow(RequestError);
    expect(kataImageOf(zstd, 'upstream').layers).toEqual([]);
  });

  it('takes recorded layer names over computed ones, and computes none over diff ids that are not known', ({
    expect,
  }) => {
    const [base, top] = smallImage('i').layers;
    if (base === undefined || top === undefined) throw new Error('the image has no layers');
    const recorded = { ...base, diffId: '', layerName: 'a'.repeat(64) };
    const named = smallImage('i', { layers: [recorded, { ...top, diffId: '', layerName: 'b'.repeat(64) }] });
    expect(kataImageOf(named, 'ms').layers.map(({ name }) => name)).toEqual(['a'.repeat(64), 'b'.repeat(64)]);
    const refused = expect.objectContaining({ code: 'KATA_IMAGE_FACTS_MISSING', details: { image: 'i', layer: 1 } });
    for (const layers of [
      [base, { ...top, diffId: '' }],
      // The name of a layer is made of the diff ids of those below it too.
      [recorded, top],
    ]) {
      expect(() => kataImageOf(smallImage('i', { layers }), 'ms')).toThrow(refused);
    }
  });
});

describe.skipIf(vectorsMissing)('readKataAnnotation', () => {
  it('reads a published initdata annotation of an older release, whose rules are not evaluated here', ({ expect }) => {
    const [template] = podTemplates(readManifests(vectorText('kata-eval/createcontainer__gpu_vfio_cdi/pod.yaml')));
    const value =
      template === undefined ? undefined : podAnnotation(template, 'io.katacontainers.config.hypervisor.cc_init_data');
    const read = readKataAnnotation('upstream', value ?? '');
    expect(parseKataPolicy(read.policyText).policyData.containers).toHaveLength(2);
    expect(() => createKataEnforcer(read.policyText)).toThrow(UnsupportedError);
  });
});
