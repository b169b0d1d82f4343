import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { generateCce, generateDefinitions, readContainerDefinitions } from '../../src/cce/index.ts';
import { plainImages } from './support.ts';

async function generate(config: unknown) {
  const [policy] = await generateCce({ kind: 'config', config: JSON.stringify(config) }, plainImages());
  const container = policy?.containers[0];
  if (policy === undefined || container === undefined) throw new Error('no container');
  return { ...policy, container };
}

describe('generateCce for JSON configurations', () => {
  const properties = {
    image: 'i:1',
    environmentVariables: [
      { name: 'A', value: '.*', regex: true },
      { name: 'B', value: 'x' },
    ],
    volumeMounts: [{ name: 'v', mountPath: '/v', mountType: 'azureFile', readOnly: true, options: ['rbind', 'rw'] }],
    livenessProbe: { exec: { command: ['l'] } },
    readinessProbe: { exec: { command: ['r'] } },
    allowStdioAccess: false,
  };

  it('reads version 1', async () => {
    const { container, text } = await generate({
      version: '1.0',
      fragments: [{ feed: 'f', issuer: 'i', minimum_svn: '1', includes: [] }],
      containers: [{ name: 'c', properties }],
    });
    expect(container.env_rules.slice(0, 2)).toEqual([
      { pattern: 'A=.*', strategy: 're2', required: false },
      { pattern: 'B=x', strategy: 'string', required: false },
    ]);
    expect(container.mounts.map(({ options }) => options)).toEqual([
      ['rbind', 'rw'],
      ['rbind', 'rshared', 'rw'],
    ]);
    expect(container.exec_processes.map(({ command }) => command[0])).toEqual(['r', 'l']);
    expect(container.allow_stdio_access).toBe(false);
    expect(text).toContain('"feed": "f"');
  });

  it('adds what virtual nodes add in their scenario', async () => {
    const labels = { 'azure.workload.identity/use': 'true' };
    const { container } = await generate({
      version: '1.0',
      scenario: 'vn2',
      labels,
      containers: [{ name: 'c', properties: { ...properties, securityContext: { privileged: true } } }],
    });
    expect(container.env_rules[2]?.pattern).toBe('AZURE_CLIENT_ID=.+');
    expect(container.mounts.map(({ destination }) => destination)).toEqual(
      expect.arrayContaining(['/sys', '/sys/fs/cgroup', '/etc/hosts']),
    );
  });

  it('reads version 0, where mounts are read-only unless they say otherwise', async () => {
    const { container } = await generate({
      version: '0.1',
      containers: [
        {
          containerImage: 'i:1',
          command: ['x'],
          allow_elevated: true,
          workingDir: '/w',
          environmentVariables: [{ name: 'A', value: 'b.+', strategy: 're2' }],
          mounts: [{ mountType: 'emptyDir', mountPath: '/e' }],
        },
      ],
    });
    expect(container).toMatchObject({ name: 'i:1', command: ['x'], allow_elevated: true, working_dir: '/w' });
    expect(container.env_rules[0]).toMatchObject({ pattern: 'A=b.+', strategy: 're2' });
    expect(container.mounts[0]?.options).toEqual(['rbind', 'rshared', 'ro']);
  });

  it('refuses an unknown type of mount', async () => {
    const config = {
      version: '1.0',
      containers: [{ properties: { image: 'i', volumeMounts: [{ mountPath: '/x', mountType: 'floppy' }] } }],
    };
    await expect(generate(config)).rejects.toThrow(expect.objectContaining({ code: 'CCE_INPUT_INVALID' }));
  });
});

describe('generateDefinitions', () => {
  it('merges the document over the image and makes a policy of it', async () => {
    const profile = '{"x":1}';
    const manifests = `kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: c
    image: i
    env: [{name: B, value: b}, {name: TERM, value: dumb}]
    securityContext: {runAsUser: 0, seccompProfile: {type: Localhost, localhostProfile: a.json}}
`;
    const [pod] = await generateDefinitions(manifests, plainImages(), { seccompProfiles: { 'a.json': profile } });
    const container = pod?.containers[0];
    expect(container).toMatchObject({
      name: 'c',
      id: 'i',
      platform: 'linux/amd64',
      command: ['/app'],
      layers: ['ab'.repeat(32)],
    });
    expect(container?.user.user_idname.strategy).toBe('any');
    expect(container?.seccomp_profile_sha256).toBe(createHash('sha256').update(profile).digest('hex'));
    const patterns = container?.env_rules.map(({ pattern }) => pattern) ?? [];
    expect(patterns[0]).toBe('PATH=/bin');
    expect(patterns[1]).toBe('TERM=xterm');
    expect(patterns.at(-1)).toBe('B=b');
    const [policy] = await generateCce(
      { kind: 'container-definitions', containers: pod?.containers ?? [] },
      plainImages(),
    );
    expect(policy?.text).toContain('"platform":"linux/amd64"');
    expect(policy?.text).toContain('pause-container');
  });
});

describe('readContainerDefinitions', () => {
  it('reads back what the pipeline answers, and refuses a member that is missing, unknown or wrong', async () => {
    const manifests = 'kind: Pod\nspec: {containers: [{name: c, image: i}]}\n';
    const [pod] = await generateDefinitions(manifests, plainImages());
    const [definition] = pod?.containers ?? [];
    expect(readContainerDefinitions(JSON.stringify(definition))).toEqual([definition]);
    const { user: _user, ...missing } = { ...definition };
    for (const wrong of [
      missing,
      { ...definition, more: 1 },
      { ...definition, layers: ['x'] },
      { ...definition, signals: ['15'] },
      1,
    ]) {
      expect(() => readContainerDefinitions(JSON.stringify([wrong]))).toThrow(
        expect.objectContaining({ code: 'CCE_INPUT_INVALID' }),
      );
    }
  });
});
