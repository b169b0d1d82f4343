import { describe, expect, it } from 'vitest';

import { type CceOptions, generateCce } from '../../src/cce/index.ts';
import { plainImages } from './support.ts';

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

const pod = (container: string, spec = '', metadata = '') =>
  `kind: Pod\nmetadata: {name: p${metadata}}\nspec:\n  containers:\n  - name: c\n    image: i\n${container}\n${spec}`;

async function generate(manifests: string, options: CceOptions = {}) {
  const policies = await generateCce({ kind: 'virtual-node', manifests }, plainImages(), options);
  const container = policies[0]?.containers[0];
  if (container === undefined) throw new Error('no container');
  return { policies, container, warnings: policies[0]?.warnings ?? [] };
}

const firstRule = async (variable: string, options?: CceOptions, more = '') =>
  (await generate(pod(`    env:\n    - {name: A, ${variable}}${more}`), options)).container.env_rules[0];

describe('generateCce for virtual nodes', () => {
  it.each([
    ['', '', '/entry cmd'],
    ['    args: [a]', '', '/entry a'],
    ['    command: [x]', '', 'x'],
    ['    command: [x]\n    args: [a]', '', 'x a'],
  ])('makes the command of %j as Kubernetes does', async (yaml, _unused, expected) => {
    const images = plainImages({ Entrypoint: ['/entry'], Cmd: ['cmd'] });
    const [policy] = await generateCce({ kind: 'virtual-node', manifests: pod(yaml) }, images);
    expect(policy?.containers[0]?.command?.join(' ')).toBe(expected);
  });

  it('scales the quantity of a resource as Kubernetes does, or copies it in compatibility mode', async () => {
    const resources =
      '\n    resources: {limits: {memory: 128Mi, cpu: 1500m}, requests: {cpu: 2, "ephemeral-storage": 1.5Gi}}';
    const rule = async (resource: string, rest = '', options: CceOptions = {}) =>
      (
        await firstRule(
          `valueFrom: {resourceFieldRef: {containerName: c, resource: ${resource}${rest}}}`,
          options,
          resources,
        )
      )?.pattern;
    expect(await rule('limits.memory')).toBe('A=134217728');
    expect(await rule('limits.memory', ', divisor: 1Mi')).toBe('A=128');
    expect(await rule('limits.cpu')).toBe('A=2');
    expect(await rule('limits.cpu', ', divisor: 1m')).toBe('A=1500');
    expect(await rule('requests.cpu')).toBe('A=2');
    expect(await rule('requests.ephemeral-storage', ', divisor: 1k')).toBe('A=1610613');
    expect(await rule('limits.memory', '', { compatible: true })).toBe('A=128Mi');
    expect(await rule('limits.absent')).toBe('PATH=/bin');
  });

  it('allows any value of a field reference and of a replaced placeholder', async () => {
    expect(await firstRule('valueFrom: {fieldRef: {fieldPath: metadata.name}}')).toMatchObject({
      pattern: 'A=.*',
      strategy: 're2',
    });
    expect(await firstRule('value: ===VIRTUALNODE2-CC.THIM.X===')).toMatchObject({ pattern: 'A=.*' });
  });

  it('decides about missing sources by whether wildcards are approved', async () => {
    const secret = 'valueFrom: {secretKeyRef: {name: s, key: k}}';
    const map = 'valueFrom: {configMapKeyRef: {name: m, key: k}}';
    await expect(firstRule(secret)).rejects.toThrow(code('CCE_WILDCARD_NEEDED'));
    expect(await firstRule(secret, { approveWildcards: true })).toMatchObject({ pattern: 'A=.*' });
    expect(await firstRule(map)).toMatchObject({ pattern: 'A=', strategy: 'string' });
    expect(await firstRule(map, { approveWildcards: true })).toMatchObject({ pattern: 'A=.*' });
  });

  it('takes ConfigMaps and Secrets from further streams', async () => {
    const manifests = pod('    env:\n    - {name: A, valueFrom: {configMapKeyRef: {name: m, key: k}}}');
    const sources = ['kind: ConfigMap\nmetadata: {name: m}\ndata: {k: v}\n'];
    const [policy] = await generateCce({ kind: 'virtual-node', manifests, sources }, plainImages());
    expect(policy?.containers[0]?.env_rules[0]?.pattern).toBe('A=v');
  });

  it('adds variables and mount of workload identity before everything else that is added', async () => {
    const { container } = await generate(
      pod('    env: [{name: A, value: b}]', '', ', labels: {azure.workload.identity/use: "true"}'),
    );
    expect(container.env_rules.slice(0, 6).map(({ pattern }) => pattern)).toEqual([
      'A=b',
      'AZURE_CLIENT_ID=.+',
      'AZURE_TENANT_ID=.+',
      'AZURE_FEDERATED_TOKEN_FILE=.+',
      'AZURE_AUTHORITY_HOST=.+',
      'PATH=/bin',
    ]);
    expect(container.mounts[0]).toMatchObject({
      destination: '/var/run/secrets/azure/tokens',
      options: ['rbind', 'rshared', 'ro'],
    });
  });

  it('makes mounts read-only that their source or claim makes so', async () => {
    const set = `kind: StatefulSet
spec:
  volumeClaimTemplates:
  - {metadata: {name: ro}, spec: {accessModes: [ReadOnlyMany]}}
  - {metadata: {name: rw}, spec: {accessModes: [ReadWriteOnce]}}
  template:
    spec:
      volumes: [{name: p, projected: {}}, {name: e, emptyDir: {}}]
      containers:
      - name: c
        image: i
        volumeMounts:
        - {name: ro, mountPath: /ro}
        - {name: rw, mountPath: /rw}
        - {name: p, mountPath: /p, readOnly: false}
        - {name: e, mountPath: /etc/resolv.conf, readOnly: true}
`;
    const { container, warnings } = await generate(set);
    expect(container.mounts.map(({ destination, options }) => `${destination} ${options[2] ?? ''}`)).toEqual([
      '/ro ro',
      '/rw rw',
      '/p ro',
      '/etc/resolv.conf ro',
      '/var/run/secrets/kubernetes.io/serviceaccount ro',
      '/etc/hosts rw',
      '/dev/termination-log rw',
      '/etc/hostname rw',
    ]);
    expect(warnings).toMatchObject([{ code: 'CCE-MOUNT-READONLY' }]);
  });

  it('allows probes and hooks of the exec kind in order', async () => {
    const exec = (name: string) => `{exec: {command: [${name}]}}`;
    const yaml = `    readinessProbe: ${exec('r')}\n    livenessProbe: ${exec('l')}\n    startupProbe: {httpGet: {port: 1}}\n    lifecycle: {preStop: ${exec('s')}, postStart: ${exec('p')}}`;
    const { container } = await generate(pod(yaml));
    expect(container.exec_processes.map(({ command }) => command[0])).toEqual(['l', 'r', 'p', 's']);
  });

  it('makes one policy for each workload, init containers last', async () => {
    const controller = (kind: string) =>
      `kind: ${kind}\nspec:\n  template:\n    spec:\n      initContainers: [{name: init, image: i}]\n      containers: [{name: ${kind}, image: i}]\n`;
    const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job'];
    const { policies } = await generate(kinds.map((kind) => controller(kind)).join('---\n'));
    expect(policies.map(({ containers }) => containers.map(({ name }) => name))).toEqual(
      kinds.map((kind) => [kind, 'init']),
    );
  });

  it.each([
    ['a value that is no text', '    env: [{name: A, value: yes}]', 'CCE_INPUT_INVALID'],
    ['a number as argument', '    args: [1]', 'CCE_INPUT_INVALID'],
    ['envFrom', '    envFrom: [{configMapRef: {name: x}}]', 'CCE_INPUT_INVALID'],
    ['an unknown volume', '    volumeMounts: [{name: x, mountPath: /x}]', 'CCE_INPUT_INVALID'],
    ['a hook without command', '    lifecycle: {preStop: {exec: {}}}', 'CCE_INPUT_INVALID'],
    [
      'an unknown seccomp profile',
      '    securityContext: {seccompProfile: {type: Localhost, localhostProfile: x}}',
      'CCE_INPUT_INVALID',
    ],
    [
      'resources of another container',
      '    env: [{name: A, valueFrom: {resourceFieldRef: {containerName: d, resource: limits.cpu}}}]',
      'CCE_INPUT_INVALID',
    ],
    [
      'a quantity that is none',
      '    env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]\n    resources: {limits: {cpu: many}}',
      'CCE_INPUT_INVALID',
    ],
  ])('refuses %s', async (_name, yaml, expected) => {
    await expect(generate(pod(yaml))).rejects.toThrow(code(expected));
  });
});
