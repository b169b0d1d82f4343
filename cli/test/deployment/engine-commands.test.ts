import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { fakeWorld } from '@holdfast/deployment/testing';
import type { FakeWorld } from '@holdfast/deployment/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runApply } from '../../src/deployment/run-apply.ts';
import { runPlan } from '../../src/deployment/run-plan.ts';
import { runStatus } from '../../src/deployment/run-status.ts';
import type { Connect } from '../../src/deployment/open-deployment.ts';
import { fakeContext } from './fake-context.ts';
import type { Captured } from './fake-context.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
const PEER_PODS = `profile: peer-pods\nsubscriptionId: ${SUBSCRIPTION}\nnetwork: {peerPods: {mode: dedicatedVnet}}\n`;
let folder: string;
let world: FakeWorld;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-engine-'));
  world = fakeWorld(SUBSCRIPTION);
  const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/openshift`;
  const network = `${group}/providers/Microsoft.Network`;
  world.azure.put(group, { location: 'eastus' });
  world.azure.put(`${network}/virtualNetworks/openshift-vnet`, {
    location: 'eastus',
    properties: { subnets: [{ name: 'worker', properties: { addressPrefix: '10.0.32.0/19' } }] },
  });
  world.azure.put(`${network}/networkSecurityGroups/openshift-nsg`, { location: 'eastus', properties: {} });
  await writeFile(join(folder, 'holdfast.yaml'), PEER_PODS);
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

const flags = { file: 'holdfast.yaml', json: false } as const;

interface Person {
  /** What is typed, on a terminal. */
  readonly types?: string;
  /** Called with the function that presses Ctrl-C. */
  readonly stop?: (press: () => void) => void;
}

function context(person: Person = {}): Captured {
  const captured = fakeContext(folder);
  const io = captured.context.io as unknown as Record<string, unknown>;
  io['stdin'] = Object.assign(
    (async function* () {
      if (person.types !== undefined) yield person.types;
    })(),
    { isTTY: person.types !== undefined },
  );
  (io['stderr'] as { isTerminal: boolean }).isTerminal = person.types !== undefined;
  io['onStopRequest'] = (listener: () => void) => {
    person.stop?.(listener);
    return () => undefined;
  };
  io['exit'] = () => undefined;
  return captured;
}

async function applied(more: object = {}, person: Person = {}, plan?: string): Promise<Captured> {
  const captured = context(person);
  await runApply(captured.context, { ...flags, adopt: false, recoverVault: false, yes: true, ...more }, plan, connect);
  return captured;
}

async function planned(more: object = {}): Promise<Captured> {
  const captured = context();
  await runPlan(captured.context, { ...flags, ...more }, connect);
  return captured;
}

async function seen(more: object = {}): Promise<Captured> {
  const captured = context();
  await runStatus(captured.context, { ...flags, watch: false, verbose: false, ...more }, connect);
  return captured;
}

describe('acceptance 1: holdfast plan, apply and status', () => {
  it('end with 2 and 9 before, 0 for the apply, and 0 after it', async () => {
    const before = await planned();
    expect(before.exitCode()).toBe(2);
    expect(before.stdout()).toContain('+ create P-VNET peer-pods-vnet');
    expect((await seen()).exitCode()).toBe(9);
    const made = await applied();
    expect(made.exitCode()).toBe(0);
    expect(made.stdout()).toBe('Everything is as the configuration says.\n');
    expect(made.stderr()).toContain('+ S3  P-NAT: peer-pods-nat');
    const after = await planned();
    expect([after.exitCode(), after.stdout()]).toEqual([0, expect.stringContaining('Nothing changes.')]);
    const status = await seen({ verbose: true });
    expect([status.exitCode(), status.stdout()]).toEqual([
      0,
      expect.stringContaining('P-VNET peer-pods-vnet: as written'),
    ]);
    expect((await applied()).stdout()).toBe('Nothing had to be changed.\n');
  });

  it('write one JSON object in a line with --json, events first', async () => {
    const made = await applied({ json: true });
    const lines = made
      .stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({ stage: 'S0', event: 'started', ts: expect.stringMatching(/Z$/) });
    expect(lines.at(-1)).toMatchObject({ version: 1, changed: true, openWork: [], receipt: { healthy: true } });
    expect(JSON.parse((await planned({ json: true })).stdout())).toMatchObject({
      kind: 'holdfast-plan',
      plan: { changed: false },
    });
    expect(JSON.parse((await seen({ json: true })).stdout())).toMatchObject({ version: 1, state: 'healthy' });
  });

  it('keep journal and receipt where only the person can read them', async () => {
    await applied();
    const home = join(folder, '.holdfast', 'deployments');
    expect((await readdir(home)).toSorted()).toEqual(['journals', 'receipts']);
    const [journal = ''] = await readdir(join(home, 'journals'));
    expect((await stat(join(home, 'journals', journal))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(home, 'journals', journal), 'utf8')).toContain('"event":"finished"');
  });
});

describe('holdfast apply', () => {
  it('asks before it changes anything, and ends with 6 without a yes', async () => {
    const piped = await applied({ yes: false });
    expect([piped.exitCode(), piped.stderr()]).toEqual([6, expect.stringContaining('[DEPLOYMENT_UNCONFIRMED]')]);
    const declined = await applied({ yes: false }, { types: 'n\n' });
    expect(declined.exitCode()).toBe(6);
    for (const name of ['Pay-As-You-Go', SUBSCRIPTION, 'peer-pods', 'eastus'])
      expect(declined.stderr()).toContain(name);
    expect(world.requests.writes()).toEqual([]);
    expect((await applied({ yes: false }, { types: 'yes\n' })).exitCode()).toBe(0);
  });

  it('of a plan that no longer holds is refused', async () => {
    await planned({ out: 'plan.json' });
    expect((await stat(join(folder, 'plan.json'))).mode & 0o777).toBe(0o600);
    expect((await applied({}, {}, 'plan.json')).exitCode()).toBe(0);
    await expect(applied({}, {}, 'plan.json')).rejects.toMatchObject({ code: 'PLAN_OUTDATED' });
    await expect(applied({}, {}, 'missing.json')).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
  });

  it('ends with 5 at Ctrl-C and goes on the next time', async () => {
    let press = (): void => undefined;
    const own = world.ports.arm.deployments;
    const interrupted: Connect = async (...args) => {
      const target = await connect(...args);
      const deployments = {
        ...target.arm.deployments,
        start: async (...request: Parameters<typeof own.start>) => {
          const poller = await own.start(...request);
          press();
          return poller;
        },
      };
      return { ...target, arm: { ...target.arm, deployments } };
    };
    const stopped = context({ stop: (listener) => (press = listener) });
    await runApply(stopped.context, { ...flags, adopt: false, recoverVault: false, yes: true }, undefined, interrupted);
    expect([stopped.exitCode(), stopped.stderr()]).toEqual([5, expect.stringContaining('[DEPLOYMENT_INTERRUPTED]')]);
    const next = await applied();
    expect([next.exitCode(), next.stderr()]).toEqual([0, expect.stringContaining('peer-pods-s3: is Running')]);
  });

  it('acceptance 7: ends with 7 when something takes too long, and knows its stages', async () => {
    world.azure.deploymentMs = 3_600_000;
    const late = await applied();
    expect([late.exitCode(), late.stderr()]).toEqual([7, expect.stringContaining('[DEPLOYMENT_DEADLINE]')]);
    await expect(applied({ stage: 'S11' })).rejects.toMatchObject({ code: 'STAGE_UNKNOWN' });
  });
});

describe('acceptance 10: the operator key on standard input', () => {
  const KEY = 'UID2-O-P-777-MARKERmarkerMARKER';

  beforeEach(async () => {
    const text = `profile: uid2-vn2\nsubscriptionId: ${SUBSCRIPTION}\noperator: {environment: prod}\n`;
    await writeFile(join(folder, 'holdfast.yaml'), text);
  });

  /** Applies the stages up to the secret, with the key piped in. */
  async function upToSecret(person: Person, yes: boolean): Promise<Captured> {
    const captured = context(person);
    const io = captured.context.io as unknown as { stdin: { isTTY: boolean } };
    io.stdin.isTTY = false;
    for (const stage of ['S1', 'S2', 'S3', 'S4', 'S5a', 'S5b']) await applied({ stage });
    await runApply(
      captured.context,
      { ...flags, adopt: false, recoverVault: false, yes, stage: 'S6' },
      undefined,
      connect,
    );
    return captured;
  }

  it('reaches the vault and nothing that is written or shown', async () => {
    const captured = await upToSecret({ types: `${KEY}\n` }, true);
    expect([...world.azure.secrets.values()].flat().map(({ value }) => value)).toEqual([KEY]);
    const home = join(folder, '.holdfast', 'deployments');
    const files: string[] = [];
    for (const name of await readdir(home, { recursive: true, withFileTypes: true })) {
      if (name.isFile()) files.push(await readFile(join(name.parentPath, name.name), 'utf8'));
    }
    for (const text of [captured.stdout(), captured.stderr(), ...files]) expect(text).not.toContain('MARKER');
  });

  it('is asked for when the secret has to be written', async () => {
    await expect(upToSecret({ types: '' }, true)).rejects.toMatchObject({ code: 'OPERATOR_KEY_MISSING' });
  });

  it('of prod needs the name of the group to be typed', async () => {
    const wrong = await applied({ yes: false, stage: 'S1' }, { types: 'y\n' });
    expect([wrong.exitCode(), wrong.stderr()]).toEqual([6, expect.stringContaining('Type the name of the group')]);

    expect((await applied({ yes: false, stage: 'S1' }, { types: 'my-vn-aks\n' })).exitCode()).toBe(0);
  });
});
