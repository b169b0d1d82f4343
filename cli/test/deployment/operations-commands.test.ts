import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { FakeRollouts, fakeWorld } from '@holdfast/deployment/testing';
import type { FakeWorld } from '@holdfast/deployment/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Connect } from '../../src/deployment/open-deployment.ts';
import { runApply } from '../../src/deployment/run-apply.ts';
import { runDestroy } from '../../src/deployment/run-destroy.ts';
import type { DestroyFlags } from '../../src/deployment/run-destroy.ts';
import { runDiagnose } from '../../src/deployment/run-diagnose.ts';
import { runRollback } from '../../src/deployment/run-rollback.ts';
import { runRotateKey } from '../../src/deployment/run-rotate-key.ts';
import type { RotateKeyFlags } from '../../src/deployment/run-rotate-key.ts';
import { runUpgradeKubernetes, runUpgradeOperator } from '../../src/deployment/run-upgrade.ts';
import { failureOf } from '../../src/failure.ts';
import { capture } from '../captured-io.ts';
import { fakeContext } from './fake-context.ts';
import type { Captured } from './fake-context.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/my-vn-aks`;
const VAULT = `${GROUP}/providers/Microsoft.KeyVault/vaults/my-vn-aks-vault`;
const OPERATOR = `profile: uid2-vn2\nsubscriptionId: ${SUBSCRIPTION}\naks: {kubernetesVersion: "1.34"}\n`;
let folder: string;
let world: FakeWorld;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-operations-'));
  world = fakeWorld(SUBSCRIPTION);
  await writeFile(join(folder, 'holdfast.yaml'), OPERATOR);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const connect: Connect = async () => ({
  ...world.ports,
  kind: 'azure',
  subscriptionId: SUBSCRIPTION,
  tenantId: undefined,
  close: async () => undefined,
});

const flags = { file: 'holdfast.yaml', json: false, yes: true } as const;

/** A person at a terminal who types an answer, or nobody. */
function context(types?: string): Captured {
  const captured = fakeContext(folder);
  const io = captured.context.io as unknown as Record<string, unknown>;
  io['stdin'] = Object.assign(
    (async function* () {
      if (types !== undefined) yield types;
    })(),
    { isTTY: types !== undefined },
  );
  (io['stderr'] as { isTerminal: boolean }).isTerminal = types !== undefined;
  io['onStopRequest'] = () => () => undefined;
  return captured;
}

/** How a command line would end with what was thrown. */
async function failing(run: Promise<unknown>): Promise<ReturnType<typeof failureOf>> {
  return failureOf(
    await run.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

function slot(version: string): void {
  const labels = { 'app.kubernetes.io/name': 'uid2-operator', 'uid2/slot': version };
  const name = `operator-${version}`;
  world.cluster.put({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', labels },
    spec: { replicas: 3, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: {} } },
  });
}

/** A cluster in which 2-0-0 serves and 1-0-0 is kept. */
function operators(): void {
  world.cluster.rollouts = new FakeRollouts(world.clock);
  world.azure.put(GROUP, { location: 'eastus' });
  world.azure.put(`${GROUP}/providers/Microsoft.ContainerService/managedClusters/myvncluster`, { properties: {} });
  slot('1-0-0');
  slot('2-0-0');
  world.cluster.put({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'operator-svc', namespace: 'default', annotations: { 'uid2/previous-slot': '1-0-0' } },
    spec: { selector: { 'app.kubernetes.io/name': 'uid2-operator', 'uid2/slot': '2-0-0' }, ports: [{ port: 80 }] },
  });
  // Pods are made when somebody looks for the first time.
  for (const version of ['1-0-0', '2-0-0']) {
    world.cluster.get({ apiVersion: 'apps/v1', kind: 'Deployment', name: `operator-${version}`, namespace: 'default' });
  }
  world.clock.pass(3_600_000);
}

describe('holdfast rollback operator', () => {
  it('gives the requests back and says what to do next', async () => {
    operators();
    const captured = context();
    await runRollback(captured.context, flags, connect);
    expect(captured.exitCode()).toBe(0);
    expect(captured.stdout()).toContain('1-0-0 serves again');
    expect(world.requests.writes()).toContain('PATCH k8s:default/Service/operator-svc');
  });

  it('ends with 6 and changes nothing without --yes and without a terminal', async () => {
    operators();
    const captured = context();
    await runRollback(captured.context, { ...flags, yes: false }, connect);
    expect(captured.exitCode()).toBe(6);
    expect(world.requests.writes()).toEqual([]);
  });

  it('asks for the name of the group in prod, and takes no other answer', async () => {
    operators();
    await writeFile(join(folder, 'holdfast.yaml'), `${OPERATOR}operator: {environment: prod}\n`);
    const declined = context('y\n');
    await runRollback(declined.context, { ...flags, yes: false }, connect);
    expect(declined.exitCode()).toBe(6);
    const typed = context('my-vn-aks\n');
    await runRollback(typed.context, { ...flags, yes: false }, connect);
    expect(typed.exitCode()).toBe(0);
  });

  it('writes events and the result as JSON', async () => {
    operators();
    const captured = context();
    await runRollback(captured.context, { ...flags, json: true }, connect);
    const lines = captured
      .stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ version: 1, outcome: 'rolled-back', slot: '1-0-0', previous: '2-0-0' });
    expect(lines[0]).toMatchObject({ stage: 'rollback-operator', event: 'updating' });
  });

  it('ends with 1 where there is no cluster', async () => {
    expect(await failing(runRollback(context().context, flags, connect))).toMatchObject({
      code: 'CLUSTER_ABSENT',
      exitCode: 1,
    });
  });
});

describe('holdfast upgrade', () => {
  const more = { drainNow: false, wait: false, skipInteg: false };

  it('needs a release in the configuration', async () => {
    operators();
    const failure = await failing(runUpgradeOperator(context().context, { ...flags, ...more }, connect));
    expect(failure).toMatchObject({ code: 'BUNDLE_UNNAMED' });
    expect(world.requests.writes()).toEqual([]);
  });

  it('is for operators only', async () => {
    await writeFile(join(folder, 'holdfast.yaml'), `profile: peer-pods\nsubscriptionId: ${SUBSCRIPTION}\n`);
    const failure = await failing(runUpgradeOperator(context().context, { ...flags, ...more }, connect));
    expect(failure).toMatchObject({ code: 'PROFILE_UNSUPPORTED' });
  });

  it('refuses to skip a version of Kubernetes', async () => {
    operators();
    const cluster = `${GROUP}/providers/Microsoft.ContainerService/managedClusters/myvncluster`;
    world.azure.put(cluster, { properties: { kubernetesVersion: '1.33' } });
    const failure = await failing(runUpgradeKubernetes(context().context, { ...flags, to: '1.35' }, connect));
    expect(failure).toMatchObject({ code: 'UPGRADE_BLOCKED', message: expect.stringContaining('skips') as string });
  });
});

describe('holdfast rotate-key', () => {
  const rotate = async (more: Partial<RotateKeyFlags>): Promise<Captured> => {
    const captured = context();
    await runRotateKey(captured.context, { ...flags, finish: false, rollback: false, ...more }, connect);
    return captured;
  };

  it('finishes a rotation, or says what is left to somebody with the right', async () => {
    operators();
    world.azure.put(`${VAULT}/secrets/my-vn-aks-opr-key-name`, { properties: { value: 'a' } });
    world.azure.put(`${VAULT}/secrets/my-vn-aks-opr-key-name`, {
      tags: { previousVersion: 'v1' },
      properties: { value: 'b' },
    });
    expect((await rotate({ finish: true })).stdout()).toContain('The rotation is finished');
    const problem = { code: 'ForbiddenByRbac', message: 'no', path: [], status: 403 };
    world.azure.vaultRefusal = { problem, until: Infinity };
    const open = await rotate({ finish: true });
    expect(open.exitCode()).toBe(0);
    expect(open.stdout()).toContain('Still to be done: Disable version v1');
  });

  it('needs a key, and never takes it from two places', async () => {
    operators();
    await writeFile(join(folder, 'key'), '');
    expect(await failing(rotate({ keyFile: 'key' }))).toMatchObject({ code: 'OPERATOR_KEY_MISSING' });
    expect(await failing(rotate({ finish: true, rollback: true }))).toMatchObject({ exitCode: 64 });
  });
});

describe('holdfast diagnose', () => {
  const look = async (pod?: string, json = false): Promise<Captured> => {
    const captured = context();
    await runDiagnose(captured.context, { file: 'holdfast.yaml', json }, pod, connect);
    return captured;
  };

  it('ends with 8 and names cause and remedy when a pod fails, with 9 when there is none', async () => {
    operators();
    world.cluster.stuck.add('operator-2-0-0');
    world.cluster.logText = () => 'ERROR E05: OperatorKeyValidationError: wrong environment';
    const captured = await look();
    expect(captured.exitCode()).toBe(8);
    expect(captured.stdout()).toContain('E05: the operator key was issued for another environment');
    expect(captured.stdout()).toContain('What to do: ');
    world.cluster.objects.delete('default/Deployment/operator-1-0-0');
    world.cluster.objects.delete('default/Deployment/operator-2-0-0');
    expect((await look()).exitCode()).toBe(9);
  });

  it('says so when the named pod does not exist', async () => {
    operators();
    expect(await failing(look('nobody'))).toMatchObject({ code: 'POD_NOT_FOUND' });
  });
});

describe('holdfast destroy', () => {
  const PEER_PODS = `profile: peer-pods\nsubscriptionId: ${SUBSCRIPTION}\nnetwork: {peerPods: {mode: workerSubnet}}\n`;

  async function applied(): Promise<void> {
    const network = `/subscriptions/${SUBSCRIPTION}/resourceGroups/openshift/providers/Microsoft.Network`;
    world.azure.put(`/subscriptions/${SUBSCRIPTION}/resourceGroups/openshift`, { location: 'eastus' });
    world.azure.put(`${network}/virtualNetworks/openshift-vnet`, {
      properties: { subnets: [{ name: 'worker', properties: { addressPrefix: '10.0.32.0/19' } }] },
    });
    world.azure.put(`${network}/networkSecurityGroups/openshift-nsg`, { properties: {} });
    await writeFile(join(folder, 'holdfast.yaml'), PEER_PODS);
    world.azure.registered('Microsoft.Network');
    world.azure.registered('Microsoft.Compute');
    world.azure.deploymentMs = 0;
    await runApply(context().context, { ...flags, adopt: false, recoverVault: false }, undefined, connect);
    world.requests.revive();
  }

  const destroyed = async (more: Partial<DestroyFlags> = {}, types?: string): Promise<Captured> => {
    const captured = context(types);
    const own = { keepVault: true, purge: false, removePool: false };
    await runDestroy(captured.context, { ...flags, ...own, ...more }, connect);
    return captured;
  };

  it('shows what is removed, restored and kept before it asks', async () => {
    await applied();
    const captured = await destroyed({ yes: false }, 'n\n');
    expect(captured.exitCode()).toBe(6);
    expect(captured.stderr()).toMatch(/restore {2}P-\S+ +openshift-vnet\/worker/);
    expect(captured.stderr()).toMatch(/remove {3}P-NAT +peer-pods-nat/);
    expect(world.requests.writes()).toEqual([]);
  });

  it('removes it, and finds nothing the second time', async () => {
    await applied();
    const first = await destroyed();
    expect([first.exitCode(), first.stdout()]).toEqual([0, expect.stringContaining('1 restored')]);
    world.requests.revive();
    expect((await destroyed()).stdout()).toContain('There was nothing left to remove.');
    expect(world.requests.writes()).toEqual([]);
  });

  it('takes --no-keep-vault, and refuses a duration that is none', async () => {
    const read = await capture(['destroy', '-f', '/nowhere.yaml', '--no-keep-vault', '--yes']);
    expect(read).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining('/nowhere.yaml cannot be read') as string,
    });
    const refused = await capture(['upgrade', 'operator', '--observe', 'soon']);
    expect(refused).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('not a duration') as string });
  });
});
