import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createSimulatedPlatform, generateSimulatedPlatformKeys } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { decodeDenial, generateCce } from '@holdfast/policy';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import type { LocalImage } from '../../src/images/build-local-image.ts';
import { buildVirtualNodeApp } from '../../src/virtual-node/api.ts';
import { POLICY_ANNOTATION } from '../../src/virtual-node/manifest.ts';
import { VirtualNode } from '../../src/virtual-node/virtual-node.ts';
import { buildScriptImage, scriptImage } from '../../testing/script-image.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

let platform: SimulatedPlatform;

beforeAll(async () => {
  const keys = await generateSimulatedPlatformKeys({ rsaModulusLength: 2048 });
  platform = createSimulatedPlatform({ random: randomBytes, now: Date.now, keys });
});

interface Changes {
  /** What the manifest that runs has otherwise than the one the policy was made for. */
  readonly container?: object;
  readonly platformVariables?: Readonly<Record<string, string>>;
  readonly image?: LocalImage;
  readonly flags?: Readonly<Record<string, boolean>>;
  readonly signals?: boolean;
}

const CONTAINER = {
  name: 'app',
  image: 'script:1',
  args: ['console.log("up", JSON.stringify(process.env)); setInterval(() => {}, 1000)'],
  env: [{ name: 'MODE', value: 'honest' }],
  livenessProbe: { exec: { command: ['/run', 'console.log("alive")'] } },
};

function manifest(container: object, policy: string): string {
  return stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'demo' },
    spec: {
      template: { metadata: { annotations: { [POLICY_ANNOTATION]: policy } }, spec: { containers: [container] } },
    },
  });
}

/** A node whose pod has a policy that admits `CONTAINER` of the unchanged image, and nothing else. */
async function startedNode(changes: Changes = {}): Promise<{ node: VirtualNode; folder: string } & AsyncDisposable> {
  const folder = await temporaryFolder();
  const honest = await scriptImage();
  const [policy] = await generateCce(
    { kind: 'virtual-node', manifests: manifest(CONTAINER, '') },
    () => Promise.resolve(honest.facts),
    { generation: 'G4', flags: { allow_environment_variable_dropping: false, ...changes.flags } },
  );
  const text = changes.signals === false ? policy?.text.replaceAll('"signals":[9,15]', '"signals":[]') : policy?.text;
  const node = new VirtualNode({
    manifest: manifest({ ...CONTAINER, ...changes.container }, Buffer.from(text ?? '').toString('base64')),
    images: [changes.image ?? honest],
    unpackedImagesFolder: join(folder.path, 'images'),
    platformVariables: changes.platformVariables ?? {},
    platform,
    guest: { debug: false },
    podsFolder: join(folder.path, 'pods'),
    logsFolder: join(folder.path, 'logs'),
    nodeVariables: {},
    openIdentityEndpoint: () => Promise.resolve(undefined),
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

/** Why the pod was not started, with the denial that its event carries. */
function refusal(node: VirtualNode): { headline: string; rule: unknown; started: boolean } {
  const event = node.events().find(({ reason }) => reason === 'Failed');
  const decoded = decodeDenial(event?.message ?? '');
  return {
    headline: node.pods[0]?.failure?.message ?? '',
    rule: decoded.point,
    started: node.events().some(({ reason }) => reason === 'Started'),
  };
}

describe('a virtual node enforces the policy of its pod', () => {
  it('starts what the policy admits', async () => {
    await using running = await startedNode();
    expect(running.node.pods[0]?.failure).toBeUndefined();
    expect(running.node.pods[0]?.container('app')?.status()).toMatchObject({ restartCount: 0 });
  });

  it('one byte of a layer changed: the mount is denied and nothing is started', async () => {
    const image = await buildScriptImage();
    const [, program = ''] = image.layerFiles;
    const bytes = await readFile(program);
    const at = bytes.indexOf('eval');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(program, bytes);
    await using running = await startedNode({ image });
    expect(refusal(running.node)).toEqual({
      headline: expect.stringContaining('mount_device is denied'),
      rule: 'mount_device',
      started: false,
    });
  });

  it('a variable added to the pod: denied, and the variable named', async () => {
    const env = [...CONTAINER.env, { name: 'DEBUG_SHELL', value: 'on' }];
    await using running = await startedNode({ container: { env } });
    expect(refusal(running.node)).toEqual({
      headline: expect.stringContaining('DEBUG_SHELL'),
      rule: 'create_container',
      started: false,
    });
  });

  it('a variable that the platform begins to add: denied, and the rule that admits it shown', async () => {
    await using running = await startedNode({ platformVariables: { IMDS_ENDPOINT: 'http://169.254.169.254' } });
    expect(refusal(running.node).headline).toContain('IMDS_ENDPOINT');
    expect(running.node.pods[0]?.failure?.explanation).toContain('IMDS_ENDPOINT=.+');
  });

  it('takes away an unknown variable instead where the policy allows that, and says so', async () => {
    const env = [...CONTAINER.env, { name: 'DEBUG_SHELL', value: 'on' }];
    await using running = await startedNode({
      container: { env },
      flags: { allow_environment_variable_dropping: true },
    });
    expect(running.node.pods[0]?.failure).toBeUndefined();
    const dropped = running.node.events().find(({ reason }) => reason === 'VariablesDropped');
    expect(dropped?.message).toContain('DEBUG_SHELL');
    const log = join(running.folder, 'logs', 'demo-0', 'app.log');
    while (!(await readFile(log, 'utf8').catch(() => '')).includes('up')) await new Promise((r) => setTimeout(r, 10));
    expect(await readFile(log, 'utf8')).not.toContain('DEBUG_SHELL');
  });

  it.each([
    ['another command', { args: ['console.log("other")'] }, 'command'],
    ['another working directory', { workingDir: '/tmp' }, 'working'],
    ['privileges', { securityContext: { privileged: true } }, 'privilege'],
    ['a mount', { volumeMounts: [{ name: 'v', mountPath: '/host' }] }, '/host'],
  ])('%s than the policy has: denied', async (_what, container, word) => {
    await using running = await startedNode({ container });
    expect(refusal(running.node)).toMatchObject({
      headline: expect.stringContaining(word),
      rule: 'create_container',
      started: false,
    });
  });

  it('an image update without a new policy: denied', async () => {
    const image = await buildScriptImage();
    const other = { ...image, layerFiles: [...image.layerFiles].reverse() };
    await using running = await startedNode({ image: other });
    expect(refusal(running.node)).toMatchObject({ rule: 'mount_overlay', started: false });
  });

  it('runs commands that the policy has inside a container, and no others', async () => {
    await using running = await startedNode();
    await using app = buildVirtualNodeApp(running.node);
    while (running.node.pods[0]?.container('app')?.pid === undefined) await new Promise((r) => setTimeout(r, 5));
    const exec = async (command: unknown): Promise<{ statusCode: number; body: string }> => {
      const url = '/pods/demo-0/containers/app/exec';
      const { statusCode, body } = await app.inject({ method: 'POST', url, payload: JSON.stringify({ command }) });
      return { statusCode, body };
    };
    const allowed = await exec(['/run', 'console.log("alive")']);
    expect([allowed.statusCode, JSON.parse(allowed.body)]).toMatchObject([200, { exitCode: 0, stdout: 'alive\n' }]);
    const denied = await exec(['/run', 'process.exit(7)']);
    expect([denied.statusCode, denied.body]).toEqual([403, expect.stringContaining('exec_in_container is denied')]);
    expect((await exec('no list')).statusCode).toBe(400);
  });

  it('a signal that the policy does not let the host send is told, and the machine is turned off', async () => {
    const running = await startedNode({ signals: false });
    while (running.node.pods[0]?.container('app')?.pid === undefined) await new Promise((r) => setTimeout(r, 5));
    const pid = running.node.pods[0].container('app')?.pid ?? 0;
    await running[Symbol.asyncDispose]();
    const denied = running.node.events().find(({ reason }) => reason === 'PolicyDenied');
    expect(denied?.message).toContain('signal_container_process is denied');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it.each([
    ['is no text', Buffer.from([0xff, 0xfe])],
    ['needs a full evaluator', Buffer.from('package policy\n\nallow { input.a == 1 }\n')],
  ])('does not start a pod whose policy %s', async (_what, policy) => {
    const folder = await temporaryFolder();
    const node = new VirtualNode({
      manifest: manifest(CONTAINER, policy.toString('base64')),
      images: [await scriptImage()],
      unpackedImagesFolder: join(folder.path, 'images'),
      platformVariables: {},
      platform,
      guest: { debug: false },
      podsFolder: join(folder.path, 'pods'),
      logsFolder: join(folder.path, 'logs'),
      nodeVariables: {},
      openIdentityEndpoint: () => Promise.resolve(undefined),
      clock: Date.now,
    });
    await node.start();
    expect(node.pods[0]?.failure).toMatchObject({ reason: 'FailedCreatePodSandBox' });
    await node.stop();
    await folder[Symbol.asyncDispose]();
  });
});
