import { damagedJson } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type CceOptions, generateCce } from '../../src/cce/index.ts';
import { plainImages } from './support.ts';

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

interface Parts {
  readonly container?: object;
  readonly group?: object;
  readonly root?: object;
  readonly resource?: object;
}

function template({ container, group, root, resource }: Parts): string {
  return JSON.stringify({
    resources: [
      {
        type: 'Microsoft.ContainerInstance/containerGroups',
        name: 'g',
        properties: {
          osType: 'Linux',
          containers: [{ name: 'c', properties: { image: 'i:1', ...container } }],
          ...group,
        },
        ...resource,
      },
    ],
    ...root,
  });
}

async function generate(parts: Parts, options: CceOptions = {}, parameters?: object) {
  const file = parameters === undefined ? undefined : JSON.stringify({ parameters });
  const [policy] = await generateCce(
    { kind: 'arm', template: template(parts), parameters: file },
    plainImages(),
    options,
  );
  const container = policy?.containers[0];
  if (policy === undefined || container === undefined) throw new Error('no container');
  return { ...policy, container };
}

const env = (...variables: object[]) => ({ container: { environmentVariables: variables } });
const firstRule = async (parts: Parts, options: CceOptions = {}, parameters?: object) =>
  (await generate(parts, options, parameters)).container.env_rules[0];

describe('generateCce for ARM templates', () => {
  it('takes parameters from the file before the template, and variables', async () => {
    const root = { parameters: { p: { defaultValue: 'd' } }, variables: { v: "x-[parameters('p')]" } };
    const parts = { ...env({ name: 'A', value: "[ variables( 'V' ) ]" }), root };
    expect(await firstRule(parts)).toMatchObject({ pattern: 'A=x-d' });
    expect(await firstRule(parts, {}, { p: { value: 'f' } })).toMatchObject({ pattern: 'A=x-f' });
  });

  it('lets an empty parameter value fall through only in compatibility mode', async () => {
    const parts = {
      ...env({ name: 'A', value: "[parameters('p')]" }),
      root: { parameters: { p: { defaultValue: 'd' } } },
    };
    expect(await firstRule(parts, {}, { p: { value: '' } })).toMatchObject({ pattern: 'A=' });
    expect(await firstRule(parts, { compatible: true }, { p: { value: '' } })).toMatchObject({ pattern: 'A=d' });
  });

  it('takes a list from a parameter', async () => {
    const root = { parameters: { cmd: { defaultValue: ['/x', '-y'] } } };
    expect((await generate({ container: { command: "[parameters('cmd')]" }, root })).container.command).toEqual([
      '/x',
      '-y',
    ]);
  });

  it('leaves a variable out whose value is an expression, or allows any value on request', async () => {
    const parts = env({ name: 'A', value: "[concat('a', 'b')]" });
    const left = await generate(parts);
    expect(left.container.env_rules[0]?.pattern).toBe('PATH=/bin');
    expect(left.warnings).toMatchObject([{ code: 'CCE-ENV-UNRESOLVED', container: 'c' }]);
    expect(await firstRule(parts, { approveWildcards: true })).toMatchObject({ pattern: 'A=.*', strategy: 're2' });
  });

  it('works each variable out once, however often it is used', async () => {
    const variables: Record<string, string> = { v0: '' };
    for (let n = 1; n <= 25; n += 1) variables[`v${n}`] = `[variables('v${n - 1}')]`.repeat(20);
    expect(await firstRule({ ...env({ name: 'A', value: "[variables('v25')]" }), root: { variables } })).toMatchObject({
      pattern: 'A=',
    });
  });

  it('refuses an image that is an expression', async () => {
    await expect(generate({ container: { image: "[concat('a', 'b')]" } })).rejects.toThrow(code('CCE_ARM_UNRESOLVED'));
  });

  it('warns that a secure value stands in the policy', async () => {
    const made = await generate(env({ name: 'A', secureValue: 's' }));
    expect(made.container.env_rules[0]).toMatchObject({ pattern: 'A=s' });
    expect(made.warnings).toMatchObject([{ code: 'CCE-SECRET-IN-POLICY' }]);
  });

  it('allows any value for the placeholder that the platform replaces', async () => {
    expect(await firstRule(env({ name: 'THIM_ENDPOINT', value: '===CONFIDENTIAL.THIM.ENDPOINT===' }))).toMatchObject({
      pattern: 'THIM_ENDPOINT=.*',
    });
  });

  it('maps volumes to the places where the guest finds them', async () => {
    const volumeMounts = ['f', 's', 'e', 'g'].map((name) => ({ name, mountPath: `/${name}`, readOnly: name === 's' }));
    const volumes = [
      { name: 'f', azureFile: {} },
      { name: 's', secret: {} },
      { name: 'e', emptyDir: {} },
      { name: 'g', gitRepo: {} },
    ];
    const { container } = await generate({ container: { volumeMounts }, group: { volumes } });
    expect(container.mounts.map(({ source, options }) => `${source} ${options[2] ?? ''}`)).toEqual([
      'sandbox:///tmp/atlas/azureFileVolume/.+ rw',
      'sandbox:///tmp/atlas/secretsVolume/.+ ro',
      'sandbox:///tmp/atlas/emptydir/.+ rw',
      'sandbox:///tmp/atlas/gitRepoVolume/.+ rw',
      'sandbox:///tmp/atlas/resolvconf/.+ rw',
    ]);
  });

  it('takes readiness before liveness probes and writes equal ones once in the newest generation', async () => {
    const probe = (command: string) => ({ exec: { command: [command] } });
    const container = { execProcesses: [{ command: ['x'] }], livenessProbe: probe('l'), readinessProbe: probe('r') };
    const commands = async (parts: Parts, generation: 'G3' | 'G4') =>
      (await generate(parts, { generation })).container.exec_processes.map(({ command }) => command.join(' '));
    expect(await commands({ container }, 'G3')).toEqual(['x', 'r', 'l']);
    expect(await commands({ container: { ...container, livenessProbe: probe('r') } }, 'G3')).toEqual(['x', 'r', 'r']);
    expect(await commands({ container: { ...container, livenessProbe: probe('r') } }, 'G4')).toEqual(['x', 'r']);
  });

  it('applies the security context', async () => {
    const securityContext = {
      privileged: 'TRUE',
      allowPrivilegeEscalation: false,
      runAsUser: 5,
      runAsGroup: 6,
      capabilities: { add: ['NET_RAW'], drop: ['CAP_BPF'] },
    };
    const { container, warnings } = await generate({ container: { securityContext } });
    expect(container).toMatchObject({
      allow_elevated: true,
      no_new_privileges: true,
      user: { user_idname: { pattern: '5', strategy: 'id' } },
    });
    expect(container.capabilities?.inheritable).toHaveLength(41);
    expect(container.capabilities?.bounding).not.toContain('CAP_BPF');
    expect(warnings).toMatchObject([{ code: 'CCE-CAP-NAME' }]);
  });

  it('expands capability names as Kubernetes means them on request', async () => {
    const securityContext = { capabilities: { add: ['SYS_TIME'], drop: ['ALL'] } };
    const { container } = await generate({ container: { securityContext } }, { expandCapabilityNames: true });
    expect(container.capabilities?.bounding).toEqual([]);
  });

  it('hashes a seccomp profile as the guest serialises it', async () => {
    const profile = {
      syscalls: [{ args: [{ value: 0 }], extra: 1, names: ['a'] }],
      defaultAction: 'SCMP_ACT_ERRNO',
      comment: 'x',
    };
    const securityContext = { seccompProfile: Buffer.from(JSON.stringify(profile)).toString('base64') };
    const { container, warnings } = await generate({ container: { securityContext } });
    const normalised =
      '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["a"],"action":"","args":[{"index":0,"value":0,"op":""}]}]}';
    const { createHash } = await import('node:crypto');
    expect(container.seccomp_profile_sha256).toBe(createHash('sha256').update(normalised).digest('hex'));
    expect(warnings).toEqual([]);
  });

  it('keeps 64-bit integers of a seccomp profile exact and warns of what can never match', async () => {
    const text = '{"syscalls":[{"names":["<"],"args":[{"value":18446744073709551615}]}],"flags":[]}';
    const { container, warnings } = await generate({
      container: { securityContext: { seccompProfile: Buffer.from(text).toString('base64') } },
    });
    const normalised =
      '{"defaultAction":"","flags":[],"syscalls":[{"names":["<"],"action":"","args":[{"index":0,"value":18446744073709551615,"op":""}]}]}';
    const { createHash } = await import('node:crypto');
    expect(container.seccomp_profile_sha256).toBe(createHash('sha256').update(normalised).digest('hex'));
    expect(warnings).toMatchObject([{ code: 'CCE-SECCOMP-GAP' }]);
  });

  it('leaves the infrastructure fragment out for groups without sidecars', async () => {
    expect((await generate({ resource: { tags: { 'Annotate-zero-sidecar': 'true' } } })).text).toContain(
      'fragments := []',
    );
  });

  it('makes one policy for each group and profile, init containers last', async () => {
    const group = (name: string, type: string) => ({
      name,
      type: `Microsoft.ContainerInstance/${type}`,
      properties: {
        initContainers: [{ name: 'init', properties: { image: 'i' } }],
        containers: [{ name, properties: { image: 'i' } }],
      },
    });
    const text = `// comment\n${JSON.stringify({ resources: [group('a', 'containerGroups'), { type: 'x/y' }, group('b', 'containerGroupProfiles')] })}`;
    const policies = await generateCce({ kind: 'arm', template: text }, plainImages());
    expect(policies.map((policy) => policy.containers.map(({ name }) => name))).toEqual([
      ['a', 'init'],
      ['b', 'init'],
    ]);
  });

  it.each<[string, Parts, string]>([
    ['a variable without value', env({ name: 'A' }), 'CCE_INPUT_INVALID'],
    ['a value that is no text', env({ name: 'A', value: 1 }), 'CCE_INPUT_INVALID'],
    [
      'a volume that does not exist',
      { container: { volumeMounts: [{ name: 'x', mountPath: '/x' }] } },
      'CCE_INPUT_INVALID',
    ],
    ['a relative working directory', { container: { workingDir: 'x' } }, 'CCE_INPUT_INVALID'],
    ['a user that is no integer', { container: { securityContext: { runAsUser: true } } }, 'CCE_INPUT_INVALID'],
    ['a probe without command', { container: { livenessProbe: { exec: {} } } }, 'CCE_INPUT_INVALID'],
    ['Windows', { group: { osType: 'Windows' } }, 'CCE_PLATFORM_UNSUPPORTED'],
    ['a template without groups', { root: { resources: [] } }, 'CCE_INPUT_INVALID'],
    [
      'variables in a circle',
      { ...env({ name: 'A', value: "[variables('a')]" }), root: { variables: { a: "[variables('a')]" } } },
      'CCE_INPUT_INVALID',
    ],
    [
      'a chain of variables that is too long',
      { ...env({ name: 'A', value: "[variables('v60')]" }), root: { variables: chain() } },
      'CCE_INPUT_INVALID',
    ],
    [
      'variables that grow without end',
      { ...env({ name: 'A', value: "[variables('v12')]" }), root: { variables: growing() } },
      'CCE_INPUT_INVALID',
    ],
  ])('refuses %s', async (_name, parts, expected) => {
    await expect(generate(parts)).rejects.toThrow(code(expected));
  });

  it('lets no other error escape from damaged templates', async () => {
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const container = {
      command: ['a'],
      volumeMounts,
      securityContext: { runAsUser: 1, capabilities: { add: ['CAP_BPF'] } },
      livenessProbe: { exec: { command: ['l'] } },
    };
    const valid = template({
      container: { ...env({ name: 'A', value: 'b' }).container, ...container },
      group: { volumes: [{ name: 'v', secret: {} }] },
    });
    await fc.assert(
      fc.asyncProperty(damagedJson(JSON.parse(valid)), async (text) => {
        try {
          await generateCce({ kind: 'arm', template: text }, plainImages());
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^(?:CCE|MANIFEST)_/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function chain(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 61 }, (_, n) => [`v${n}`, `[variables('v${n - 1}')]`]));
}

function growing(): Record<string, string> {
  const variables: Record<string, string> = { v0: 'x'.repeat(1000) };
  for (let n = 1; n <= 12; n += 1) variables[`v${n}`] = `[variables('v${n - 1}')]`.repeat(10);
  return variables;
}
