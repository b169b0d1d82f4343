import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { measureCceText, nativeKataRules } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import type { LocalImage } from '../../src/images/build-local-image.ts';
import { generateKataPod, KATA_POLICY_ANNOTATION } from '../../src/virtual-node/kata-pod.ts';
import { reorderedScriptImage, scriptImage, tamperedScriptImage } from '../../testing/script-image.ts';
import { IDENTITY_URL, KNOWN_IDENTITY, TestNode } from '../../testing/test-node.ts';

interface Changes {
  /** What the pod that runs has otherwise than the one the policy was made for. */
  readonly container?: object;
  readonly spec?: object;
  readonly metadata?: object;
  readonly platformVariables?: Readonly<Record<string, string>>;
  readonly image?: LocalImage;
  /** What becomes of the generated policy. */
  readonly policy?: (text: string) => string | undefined;
}

const CONTAINER = {
  name: 'app',
  image: 'script:1',
  args: ['console.log("up", JSON.stringify(process.env)); setInterval(() => {}, 1000)'],
  env: [
    { name: 'MODE', value: 'honest' },
    { name: 'NAMED', valueFrom: { configMapKeyRef: { name: 'settings', key: 'named' } } },
    { name: 'ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
  ],
  livenessProbe: { exec: { command: ['/run', 'console.log("alive")'] } },
};

const SETTINGS = stringify({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'shop' },
  data: { named: 'from elsewhere' },
});

function manifest({ container, spec, metadata }: Changes, annotations: object = {}): string {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'demo',
      namespace: 'shop',
      labels: { 'azure.workload.identity/use': 'true' },
      annotations,
      ...metadata,
    },
    spec: { runtimeClassName: 'kata-cc-isolation', containers: [{ ...CONTAINER, ...container }], ...spec },
  };
  return `${stringify(pod)}---\n${SETTINGS}`;
}

/** A node whose pod has a policy that admits `CONTAINER` of the unchanged image, and nothing else. */
async function startedNode(changes: Changes = {}): Promise<TestNode> {
  const honest = await scriptImage();
  const { policyText } = await generateKataPod(manifest({}), [honest.facts]);
  const text = changes.policy === undefined ? policyText : changes.policy(policyText);
  const annotations = text === undefined ? {} : { [KATA_POLICY_ANNOTATION]: Buffer.from(text).toString('base64') };
  return TestNode.start({
    manifest: manifest(changes, annotations),
    images: [changes.image ?? honest],
    platformVariables: changes.platformVariables ?? {},
    workloadIdentity: KNOWN_IDENTITY,
  });
}

const BLOCKED = 'failed to create shim task: "CreateContainerRequest is blocked by policy": unknown';

/** The environment that the container has printed. */
async function environmentOf(running: TestNode): Promise<Readonly<Record<string, string>>> {
  const [line = ''] = (await running.logWith('\n')).split('\n', 1);
  return JSON.parse(line.slice('up '.length)) as Record<string, string>;
}

describe('a pod of runtime class kata-cc-isolation', () => {
  it('starts when its policy admits it, with the environment that the policy was asked about', async () => {
    await using running = await startedNode({ platformVariables: { SHOP_PORT: 'tcp://10.0.0.1:80' } });
    expect(running.pod.failure).toBeUndefined();
    const { policyText } = await generateKataPod(manifest({}), [(await scriptImage()).facts]);
    expect(running.pod.hostData).toBe(measureCceText(policyText).sha256);
    expect(await environmentOf(running)).toMatchObject({
      MODE: 'honest',
      NAMED: 'from elsewhere',
      ADDRESS: '127.0.0.1',
      FROM_IMAGE: 'yes',
      HOSTNAME: 'demo',
      SHOP_PORT: 'tcp://10.0.0.1:80',
      UVM_SECURITY_CONTEXT_DIR: join(running.folder, 'pods', 'demo', 'security-context'),
      AZURE_POD_IDENTITY_AUTHORITY_HOST: IDENTITY_URL,
    });
  });

  it('one byte of a layer changed: the container is denied and nothing is started', async () => {
    await using running = await startedNode({ image: await tamperedScriptImage() });
    expect(running.refusal()).toEqual({
      headline: expect.stringMatching(/root.?hash/),
      told: BLOCKED,
      started: false,
    });
    expect(running.pod.failure?.explanation).toContain('container 1 (app): storages');
  });

  it('the layers in another order: denied', async () => {
    await using running = await startedNode({ image: await reorderedScriptImage() });
    expect(running.refusal()).toMatchObject({ told: BLOCKED, started: false });
  });

  it.each<[string, Changes, string]>([
    [
      'a variable added to the pod',
      { container: { env: [...CONTAINER.env, { name: 'DEBUG_SHELL', value: 'on' }] } },
      'DEBUG_SHELL',
    ],
    ['a variable with another value', { container: { env: [{ name: 'MODE', value: 'other' }] } }, 'MODE=other'],
    [
      'a variable that the platform begins to add',
      { platformVariables: { IMDS_ENDPOINT: 'http://169.254.169.254' } },
      'IMDS_ENDPOINT',
    ],
    ['another command', { container: { args: ['console.log("other")'] } }, 'other'],
    ['privileges', { container: { securityContext: { privileged: true } } }, 'apabilit'],
    ['another user', { container: { securityContext: { runAsUser: 1000 } } }, '1000'],
    [
      'a mount',
      {
        container: { volumeMounts: [{ name: 'v', mountPath: '/host' }] },
        spec: { volumes: [{ name: 'v', hostPath: { path: '/var' } }] },
      },
      '/host',
    ],
    ['another pod name', { metadata: { name: 'other' } }, 'other'],
    ['another namespace', { metadata: { namespace: 'default' } }, 'default'],
  ])('%s: denied, named, and nothing is started', async (_what, changes, word) => {
    await using running = await startedNode(changes);
    expect(running.refusal()).toEqual({ headline: expect.stringContaining(word), told: BLOCKED, started: false });
    expect(running.node.events().find(({ reason }) => reason === 'PolicyDenied')?.message).toContain('What to do:');
  });

  it('runs commands that the policy has inside a container, and no others', async () => {
    await using running = await startedNode();
    await environmentOf(running);
    const allowed = await running.exec(['/run', 'console.log("alive")']);
    expect([allowed.statusCode, JSON.parse(allowed.body)]).toMatchObject([200, { exitCode: 0, stdout: 'alive\n' }]);
    const denied = await running.exec(['/run', 'process.exit(7)']);
    expect([denied.statusCode, denied.body]).toEqual([403, expect.stringContaining('ExecProcessRequest is denied')]);
  });

  it('keeps the output of a container from the host where the policy forbids to read it', async () => {
    const policy = (text: string): string => text.replace('"ReadStreamRequest": true', '"ReadStreamRequest": false');
    await using running = await startedNode({ policy });
    const { app } = running;
    await running.until(() => app.ready);
    const started = running.node.events().find(({ reason }) => reason === 'Started');
    expect(started?.message).toContain('keeps its output from the host');
    await expect(readFile(app.logFile)).rejects.toThrow('ENOENT');
  });

  it('asks the policy again for each life of a container', async () => {
    await using running = await startedNode();
    await environmentOf(running);
    const { app } = running;
    const first = await running.running();
    process.kill(first, 'SIGKILL');
    await running.until(() => app.pid !== undefined && app.pid !== first);
    expect(app.status()).toMatchObject({ restartCount: 1 });
  });

  it.each([
    ['that denies everything', 'package agent_policy\n\ndefault CreateContainerRequest := false\n', 'PolicyDenied'],
    [
      'with rules that cannot be evaluated',
      'package agent_policy\n\nallow { true }\n\npolicy_data := {}',
      'FailedCreatePodSandBox',
    ],
    ['that is no policy', 'hello', 'FailedCreatePodSandBox'],
    ['that is missing', undefined, 'FailedCreatePodSandBox'],
    ['whose data is damaged', `${nativeKataRules('ms')}\npolicy_data := {`, 'FailedCreatePodSandBox'],
  ])('is not started under a policy %s', async (_what, policy, reason) => {
    await using running = await startedNode({ policy: () => policy });
    expect(running.pod.failure).toMatchObject({ reason });
    expect(running.refusal().started).toBe(false);
  });

  it('starts under a policy that allows everything, which is what its measurement then says', async () => {
    const requests = [
      'CreateSandbox',
      'UpdateInterface',
      'UpdateRoutes',
      'CopyFile',
      'CreateContainer',
      'StartContainer',
    ];
    const everything = `package agent_policy\n\n${[...requests, 'SignalProcess'].map((name) => `default ${name}Request := true\n`).join('')}`;
    await using running = await startedNode({ policy: () => everything, container: { args: ['process.exit(0)'] } });
    expect(running.pod.failure).toBeUndefined();
    expect(running.pod.hostData).toBe(measureCceText(everything).sha256);
  });
});

describe('a pod of no runtime class and without annotations of virtual nodes', () => {
  const ordinary = { spec: { runtimeClassName: undefined }, policy: () => undefined };

  it('runs on the node itself: no guest, no firmware, no identity', async () => {
    await using running = await startedNode({ ...ordinary, container: { env: [{ name: 'MODE', value: 'any' }] } });
    expect(running.pod).toMatchObject({ failure: undefined, hostData: undefined });
    const environment = await environmentOf(running);
    expect(environment).toEqual({
      MODE: 'any',
      FROM_IMAGE: 'yes',
      HOSTNAME: 'demo',
      HOLDFAST_UNTIL_STDIN_CLOSES: '1',
    });
  });

  it.each([
    ['Never', 0, 0, 'Succeeded'],
    ['Never', 3, 0, 'Failed'],
    ['OnFailure', 0, 0, 'Succeeded'],
  ])('with restart policy %s and exit code %i is not started again', async (restartPolicy, code, restarts, phase) => {
    const args = [`process.exit(${code})`];
    await using running = await startedNode({
      ...ordinary,
      spec: { ...ordinary.spec, restartPolicy },
      container: { args },
    });
    const { app, pod } = running;
    await running.until(() => app.result !== undefined);
    expect(pod.status()).toMatchObject({ phase });
    expect(app.status()).toMatchObject({ restartCount: restarts, state: { exitCode: code } });
  });

  it('with restart policy OnFailure is started again after a failure', async () => {
    await using running = await startedNode({
      ...ordinary,
      spec: { ...ordinary.spec, restartPolicy: 'OnFailure' },
      container: { args: ['process.exit(3)'] },
    });
    const { app } = running;
    await running.until(() => Number(app.status()['restartCount']) >= 2);
    expect(app.result).toBeUndefined();
  });
});
