import { openRun, readConfig } from '@holdfast/deployment';
import type { Run } from '@holdfast/deployment';
import { fakeWorld } from '@holdfast/deployment/testing';
import type { FakeWorld } from '@holdfast/deployment/testing';
import { beforeEach, describe, expect, it } from 'vitest';

import { deploymentStop, offerCancel } from '../../src/deployment/interruption.ts';
import type { DeploymentStop } from '../../src/deployment/interruption.ts';
import type { CliIo } from '../../src/context.ts';
import { fakeContext } from './fake-context.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
const SCOPE = { subscriptionId: SUBSCRIPTION, resourceGroup: 'peer-pods' };
let world: FakeWorld;
let run: Run;

beforeEach(async () => {
  world = fakeWorld(SUBSCRIPTION);
  world.azure.put(`/subscriptions/${SUBSCRIPTION}/resourceGroups/peer-pods`, { location: 'eastus' });
  const { config } = readConfig(`profile: peer-pods\nsubscriptionId: ${SUBSCRIPTION}\n`);
  if (config === undefined) throw new Error('the configuration is wrong');
  run = await openRun({ ports: world.ports, config });
  const request = { template: { resources: [] }, parameters: {}, tags: {} };
  await world.ports.arm.deployments.start(SCOPE, 'peer-pods-s3', request);
  world.requests.revive();
});

/** Somebody at a terminal who types something when asked, and Ctrl-C as often as `press` is called. */
function terminal(types = '') {
  const captured = fakeContext('/');
  const exits: number[] = [];
  let listener = (): void => undefined;
  let now = 0;
  const io = Object.assign(captured.context.io, {
    stdin: Object.assign(
      (async function* () {
        yield types;
      })(),
      { isTTY: true },
    ),
    exit: (code: number) => void exits.push(code),
    onStopRequest: (given: () => void) => {
      listener = given;
      return () => undefined;
    },
  }) as CliIo;
  const press = (laterMs = 2_000): void => {
    now += laterMs;
    listener();
  };
  return { io, exits, press, stderr: captured.stderr, clock: () => now };
}

function stopOf({ io, clock }: ReturnType<typeof terminal>, asks = true): DeploymentStop {
  return deploymentStop(io, { asks: () => asks, now: clock });
}

const state = async (): Promise<string | undefined> =>
  (await world.ports.arm.deployments.get(SCOPE, 'peer-pods-s3'))?.provisioningState;
const said = (): string => world.events.map(({ detail }) => detail).join('\n');

describe('a second Ctrl-C during an apply', () => {
  it('asks, and cancels the deployment that Azure is carrying out when the answer is yes', async () => {
    const person = terminal('y\n');
    const stop = stopOf(person);
    person.press();
    person.press();
    await offerCancel(person.io, run, stop, { asks: true });
    expect(stop.signal.aborted).toBe(true);
    expect(person.stderr()).toContain('Cancel peer-pods-s3 now?');
    expect(await state()).toBe('Canceled');
    expect(world.events.at(-1)).toMatchObject({ stage: 'S3', event: 'done', detail: 'is Canceled' });
    expect(person.exits).toEqual([]);
  });

  it('cancels nothing when the answer is no, or none', async () => {
    for (const types of ['n\n', '']) {
      const person = terminal(types);
      const stop = stopOf(person);
      person.press();
      person.press();
      await offerCancel(person.io, run, stop, { asks: true });
      expect(await state()).toBe('Running');
    }
  });

  it('is waited for, and without it Azure goes on', async () => {
    const person = terminal('y\n');
    const stop = stopOf(person);
    person.press();
    await offerCancel(person.io, run, stop, { asks: true, graceMs: 1 });
    expect(person.stderr()).toContain('Ctrl-C once more');
    expect(person.stderr()).not.toContain('Cancel');
    expect(await state()).toBe('Running');
  });

  it('ends the process where nobody can be asked; how to cancel is said all the same', async () => {
    const person = terminal();
    const stop = stopOf(person, false);
    person.press();
    await offerCancel(person.io, run, stop, { asks: false });
    expect(said()).toContain(
      `az deployment group cancel --subscription ${SUBSCRIPTION} --resource-group peer-pods --name peer-pods-s3`,
    );
    expect(person.stderr()).toBe('');
    expect(await state()).toBe('Running');
    person.press();
    expect(person.exits).toEqual([130]);
  });

  it('is not the same Ctrl-C delivered twice', () => {
    const person = terminal();
    stopOf(person, false);
    person.press();
    person.press(10);
    expect(person.exits).toEqual([]);
  });

  it('a third one ends the process', () => {
    const person = terminal();
    stopOf(person);
    for (let time = 0; time < 3; time += 1) person.press();
    expect(person.exits).toEqual([130]);
  });

  it('does not hide the interruption when Azure cannot be asked', async () => {
    const person = terminal();
    world.requests.failAt(world.requests.all.length, 'killed-before');
    await offerCancel(person.io, run, stopOf(person), { asks: true });
    expect(said()).toContain('Azure could not be asked');
  });

  it('has nothing to ask when no deployment runs', async () => {
    world.clock.pass(60_000);
    const person = terminal();
    await offerCancel(person.io, run, stopOf(person), { asks: true });
    expect(person.stderr()).toBe('');
    expect(world.events).toEqual([]);
  });
});
