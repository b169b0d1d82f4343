import { decodeDenial, generateCce } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import type { LocalImage } from '../../src/images/build-local-image.ts';
import { POLICY_ANNOTATION } from '../../src/virtual-node/manifest.ts';
import { reorderedScriptImage, scriptImage, tamperedScriptImage } from '../../testing/script-image.ts';
import { TestNode } from '../../testing/test-node.ts';

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
async function startedNode(changes: Changes = {}): Promise<TestNode> {
  const honest = await scriptImage();
  const [policy] = await generateCce(
    { kind: 'virtual-node', manifests: manifest(CONTAINER, '') },
    () => Promise.resolve(honest.facts),
    { generation: 'G4', flags: { allow_environment_variable_dropping: false, ...changes.flags } },
  );
  const text = changes.signals === false ? policy?.text.replaceAll('"signals":[9,15]', '"signals":[]') : policy?.text;
  return TestNode.start({
    manifest: manifest({ ...CONTAINER, ...changes.container }, Buffer.from(text ?? '').toString('base64')),
    images: [changes.image ?? honest],
    platformVariables: changes.platformVariables ?? {},
  });
}

/** Why the pod was not started, with the denial that its event carries. */
function refusal(running: TestNode): { headline: string; rule: unknown; started: boolean } {
  const { headline, told, started } = running.refusal();
  return { headline, rule: decodeDenial(told).point, started };
}

describe('a virtual node enforces the policy of its pod', () => {
  it('starts what the policy admits', async () => {
    await using running = await startedNode();
    expect(running.pod.failure).toBeUndefined();
    await running.running();
    expect(running.app.status()).toMatchObject({ restartCount: 0, state: { state: 'running' } });
  });

  it('one byte of a layer changed: the mount is denied and nothing is started', async () => {
    await using running = await startedNode({ image: await tamperedScriptImage() });
    expect(refusal(running)).toEqual({
      headline: expect.stringContaining('mount_device is denied'),
      rule: 'mount_device',
      started: false,
    });
  });

  it('a variable added to the pod: denied, and the variable named', async () => {
    const env = [...CONTAINER.env, { name: 'DEBUG_SHELL', value: 'on' }];
    await using running = await startedNode({ container: { env } });
    expect(refusal(running)).toEqual({
      headline: expect.stringContaining('DEBUG_SHELL'),
      rule: 'create_container',
      started: false,
    });
  });

  it('a variable that the platform begins to add: denied, and the rule that admits it shown', async () => {
    await using running = await startedNode({ platformVariables: { IMDS_ENDPOINT: 'http://169.254.169.254' } });
    expect(refusal(running).headline).toContain('IMDS_ENDPOINT');
    expect(running.pod.failure?.explanation).toContain('IMDS_ENDPOINT=.+');
  });

  it('takes away an unknown variable instead where the policy allows that, and says so', async () => {
    const env = [...CONTAINER.env, { name: 'DEBUG_SHELL', value: 'on' }];
    await using running = await startedNode({
      container: { env },
      flags: { allow_environment_variable_dropping: true },
    });
    expect(running.pod.failure).toBeUndefined();
    const dropped = running.node.events().find(({ reason }) => reason === 'VariablesDropped');
    expect(dropped?.message).toContain('DEBUG_SHELL');
    expect(await running.logWith('\n')).not.toContain('DEBUG_SHELL');
  });

  it.each([
    ['another command', { args: ['console.log("other")'] }, 'command'],
    ['another working directory', { workingDir: '/tmp' }, 'working'],
    ['privileges', { securityContext: { privileged: true } }, 'privilege'],
    ['a mount', { volumeMounts: [{ name: 'v', mountPath: '/host' }] }, '/host'],
  ])('%s than the policy has: denied', async (_what, container, word) => {
    await using running = await startedNode({ container });
    expect(refusal(running)).toMatchObject({
      headline: expect.stringContaining(word),
      rule: 'create_container',
      started: false,
    });
  });

  it('an image update without a new policy: denied', async () => {
    await using running = await startedNode({ image: await reorderedScriptImage() });
    expect(refusal(running)).toMatchObject({ rule: 'mount_overlay', started: false });
  });

  it('runs commands that the policy has inside a container, and no others', async () => {
    await using running = await startedNode();
    await running.running();
    const allowed = await running.exec(['/run', 'console.log("alive")']);
    expect([allowed.statusCode, JSON.parse(allowed.body)]).toMatchObject([200, { exitCode: 0, stdout: 'alive\n' }]);
    const denied = await running.exec(['/run', 'process.exit(7)']);
    expect([denied.statusCode, denied.body]).toEqual([403, expect.stringContaining('exec_in_container is denied')]);
    expect((await running.exec('no list')).statusCode).toBe(400);
  });

  it('a signal that the policy does not let the host send is told, and the machine is turned off', async () => {
    const running = await startedNode({ signals: false });
    const pid = await running.running();
    await running[Symbol.asyncDispose]();
    const denied = running.node.events().find(({ reason }) => reason === 'PolicyDenied');
    expect(denied?.message).toContain('signal_container_process is denied');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it.each([
    ['is no text', Buffer.from([0xff, 0xfe])],
    ['needs a full evaluator', Buffer.from('package policy\n\nallow { input.a == 1 }\n')],
  ])('does not start a pod whose policy %s', async (_what, policy) => {
    await using running = await TestNode.start({ manifest: manifest(CONTAINER, policy.toString('base64')) });
    expect(running.pod.failure).toMatchObject({ reason: 'FailedCreatePodSandBox' });
    expect(running.refusal().started).toBe(false);
  });
});
