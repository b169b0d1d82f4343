import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createSimulatedPlatform, generateSimulatedPlatformKeys } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { measureCceText, nativeKataRules } from '@holdfast/policy';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import type { LocalImage } from '../../src/images/build-local-image.ts';
import { buildVirtualNodeApp } from '../../src/virtual-node/api.ts';
import { generateKataPod, KATA_POLICY_ANNOTATION } from '../../src/virtual-node/kata-pod.ts';
import { VirtualNode } from '../../src/virtual-node/virtual-node.ts';
import { buildScriptImage, scriptImage } from '../../testing/script-image.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const IDENTITY_URL = 'http://127.0.0.1:1/identity';
let platform: SimulatedPlatform;

beforeAll(async () => {
  const keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  platform = createSimulatedPlatform({ random: randomBytes, now: Date.now, keys });
});

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
async function startedNode(changes: Changes = {}): Promise<{ node: VirtualNode; folder: string } & AsyncDisposable> {
  const folder = await temporaryFolder();
  const honest = await scriptImage();
  const { policyText } = await generateKataPod(manifest({}), [honest.facts]);
  const text = changes.policy === undefined ? policyText : changes.policy(policyText);
  const annotations = text === undefined ? {} : { [KATA_POLICY_ANNOTATION]: Buffer.from(text).toString('base64') };
  const node = new VirtualNode({
    manifest: manifest(changes, annotations),
    images: [changes.image ?? honest],
    unpackedImagesFolder: join(folder.path, 'images'),
    platformVariables: changes.platformVariables ?? {},
    platform,
    guest: { debug: false },
    podsFolder: join(folder.path, 'pods'),
    logsFolder: join(folder.path, 'logs'),
    nodeVariables: {},
    openIdentityEndpoint: (id) =>
      Promise.resolve(id === '/known' ? { url: IDENTITY_URL, stop: () => Promise.resolve() } : undefined),
    workloadIdentity: '/known',
    clock: Date.now,
    backOff: { initialMs: 1, maxMs: 1, resetAfterMs: 600_000 },
  });
  await node.start();
  return {
    node,
    folder: folder.path,
    async [Symbol.asyncDispose]() {
      await node.stop(200);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Why the pod was not started, with what the guest told the host. */
function refusal(node: VirtualNode): { headline: string; told: string; started: boolean } {
  return {
    headline: node.pods[0]?.failure?.message ?? '',
    told: node.events().find(({ reason }) => reason === 'Failed')?.message ?? '',
    started: node.events().some(({ reason }) => reason === 'Started'),
  };
}

const BLOCKED = 'failed to create shim task: "CreateContainerRequest is blocked by policy": unknown';

/** The environment that the container has printed. */
async function environmentOf(folder: string, pod = 'demo'): Promise<Readonly<Record<string, string>>> {
  const log = join(folder, 'logs', pod, 'app.log');
  for (;;) {
    const text = await readFile(log, 'utf8').catch(() => '');
    if (text.includes('\n'))
      return JSON.parse(text.slice('up '.length).split('\n', 1)[0] ?? '') as Record<string, string>;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a pod of runtime class kata-cc-isolation', () => {
  it('starts when its policy admits it, with the environment that the policy was asked about', async () => {
    await using running = await startedNode({ platformVariables: { SHOP_PORT: 'tcp://10.0.0.1:80' } });
    const [pod] = running.node.pods;
    expect(pod?.failure).toBeUndefined();
    const { policyText } = await generateKataPod(manifest({}), [(await scriptImage()).facts]);
    expect(pod?.hostData).toBe(measureCceText(policyText).sha256);
    expect(await environmentOf(running.folder)).toMatchObject({
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
    const image = await buildScriptImage();
    const [, program = ''] = image.layerFiles;
    const bytes = await readFile(program);
    const at = bytes.indexOf('eval');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(program, bytes);
    await using running = await startedNode({ image });
    expect(refusal(running.node)).toEqual({
      headline: expect.stringMatching(/root.?hash/),
      told: BLOCKED,
      started: false,
    });
    expect(running.node.pods[0]?.failure?.explanation).toContain('container 1 (app): storages');
  });

  it('the layers in another order: denied', async () => {
    const image = await buildScriptImage();
    await using running = await startedNode({ image: { ...image, layerFiles: [...image.layerFiles].reverse() } });
    expect(refusal(running.node)).toMatchObject({ told: BLOCKED, started: false });
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
    expect(refusal(running.node)).toEqual({ headline: expect.stringContaining(word), told: BLOCKED, started: false });
    expect(running.node.events().find(({ reason }) => reason === 'PolicyDenied')?.message).toContain('What to do:');
  });

  it('runs commands that the policy has inside a container, and no others', async () => {
    await using running = await startedNode();
    await using app = buildVirtualNodeApp(running.node);
    await environmentOf(running.folder);
    const exec = async (command: readonly string[]): Promise<{ statusCode: number; body: string }> => {
      const url = '/pods/demo/containers/app/exec';
      const { statusCode, body } = await app.inject({ method: 'POST', url, payload: JSON.stringify({ command }) });
      return { statusCode, body };
    };
    const allowed = await exec(['/run', 'console.log("alive")']);
    expect([allowed.statusCode, JSON.parse(allowed.body)]).toMatchObject([200, { exitCode: 0, stdout: 'alive\n' }]);
    const denied = await exec(['/run', 'process.exit(7)']);
    expect([denied.statusCode, denied.body]).toEqual([403, expect.stringContaining('ExecProcessRequest is denied')]);
  });

  it('keeps the output of a container from the host where the policy forbids to read it', async () => {
    const policy = (text: string): string => text.replace('"ReadStreamRequest": true', '"ReadStreamRequest": false');
    await using running = await startedNode({ policy });
    const app = running.node.pods[0]?.container('app');
    while (app?.status()['ready'] !== true) await new Promise((r) => setTimeout(r, 5));
    const started = running.node.events().find(({ reason }) => reason === 'Started');
    expect(started?.message).toContain('keeps its output from the host');
    await expect(readFile(app.logFile)).rejects.toThrow('ENOENT');
  });

  it('asks the policy again for each life of a container', async () => {
    await using running = await startedNode();
    await environmentOf(running.folder);
    const pid = (): number | undefined => running.node.pods[0]?.container('app')?.pid;
    const first = pid() ?? 0;
    process.kill(first, 'SIGKILL');
    while (pid() === undefined || pid() === first) await new Promise((r) => setTimeout(r, 5));
    expect(running.node.pods[0]?.container('app')?.status()).toMatchObject({ restartCount: 1 });
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
    expect(running.node.pods[0]?.failure).toMatchObject({ reason });
    expect(refusal(running.node).started).toBe(false);
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
    expect(running.node.pods[0]?.failure).toBeUndefined();
    expect(running.node.pods[0]?.hostData).toBe(measureCceText(everything).sha256);
  });
});

describe('a pod of no runtime class and without annotations of virtual nodes', () => {
  const ordinary = { spec: { runtimeClassName: undefined }, policy: () => undefined };

  it('runs on the node itself: no guest, no firmware, no identity', async () => {
    await using running = await startedNode({ ...ordinary, container: { env: [{ name: 'MODE', value: 'any' }] } });
    expect(running.node.pods[0]).toMatchObject({ failure: undefined, hostData: undefined });
    const environment = await environmentOf(running.folder);
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
    const [pod] = running.node.pods;
    while (pod?.container('app')?.result === undefined) await new Promise((r) => setTimeout(r, 5));
    expect(pod.status()).toMatchObject({ phase });
    expect(pod.container('app')?.status()).toMatchObject({ restartCount: restarts, state: { exitCode: code } });
  });

  it('with restart policy OnFailure is started again after a failure', async () => {
    await using running = await startedNode({
      ...ordinary,
      spec: { ...ordinary.spec, restartPolicy: 'OnFailure' },
      container: { args: ['process.exit(3)'] },
    });
    const app = running.node.pods[0]?.container('app');
    while (Number(app?.status()['restartCount']) < 2) await new Promise((r) => setTimeout(r, 5));
    expect(app?.result).toBeUndefined();
  });
});
