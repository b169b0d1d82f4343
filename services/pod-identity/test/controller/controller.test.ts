import { once } from 'node:events';

import { desiredAssignments } from '@holdfast/admission';
import { DependencyError } from '@holdfast/base';
import type { JsonObject } from '@holdfast/deployment';
import { fakeWorld } from '@holdfast/deployment/testing';
import type { FakeWorld } from '@holdfast/deployment/testing';
import { createLogger } from '@holdfast/process';
import { beforeEach, describe, expect, it } from 'vitest';

import { readControllerConfig, serveController } from '../../src/index.ts';
import { attachIdentities } from '../../src/controller/attach-identities.ts';
import { runCycle } from '../../src/controller/cycle.ts';
import type { CycleResult } from '../../src/controller/cycle.ts';
import { holdLease, releaseLease } from '../../src/controller/leader-lease.ts';
import { identityChanges, machineOfNode } from '../../src/controller/node-identities.ts';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/mc`;
const SET = `${GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/pool`;
const idOf = (name: string): string => `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
const api = 'aadpodidentity.k8s.io/v1';
const { signal } = new AbortController();
const noSleep = () => Promise.resolve();

let world: FakeWorld;
/** The scale set, with what was asked of it. */
let machine: JsonObject;
let writes: JsonObject[];
/** Errors that the next writes are answered with. */
let refusals: Error[];

const arm = {
  read: () => Promise.resolve<JsonObject | undefined>(machine),
  write: (_id: string, _version: string, body: JsonObject) => {
    writes.push(body);
    const refusal = refusals.shift();
    if (refusal !== undefined) return Promise.reject(refusal);
    const wanted =
      (body['identity'] as { userAssignedIdentities?: Record<string, unknown> }).userAssignedIdentities ?? {};
    const kept = Object.entries(wanted).filter(([, value]) => value !== null);
    machine = {
      ...body,
      identity: { ...(body['identity'] as JsonObject), userAssignedIdentities: Object.fromEntries(kept) as JsonObject },
    };
    return Promise.resolve(machine);
  },
};

const refused = (code: string, message: string): Error =>
  new DependencyError('AZURE_REFUSED', message, {
    retryable: false,
    details: { problem: { code, message, path: [] } } as never,
  });

function put(kind: string, name: string, parts: object, apiVersion = api, metadata: object = {}): void {
  world.cluster.put({
    apiVersion,
    kind,
    metadata: { name, namespace: 'default', ...metadata },
    ...parts,
  });
}

function putPod(name: string, label: string): void {
  put('Pod', name, { spec: { nodeName: 'n1' }, status: { phase: 'Running' } }, 'v1', {
    labels: { aadpodidbinding: label },
  });
}

function putIdentity(name: string): void {
  put('AzureIdentity', name, { spec: { type: 0, clientID: `client-${name}`, resourceID: idOf(name) } });
  put('AzureIdentityBinding', `${name}-binding`, { spec: { azureIdentity: name, selector: name } });
}

const told: (readonly [name: string, reason: string])[] = [];
const cycle = (): Promise<CycleResult> =>
  runCycle(
    {
      cluster: world.cluster.port,
      arm,
      sleep: noSleep,
      forceNamespaced: true,
      immutableClientIds: new Set(['client-warm']),
      ownIdentities: new Set(),
      onWarning: () => undefined,
      tell: async ({ name }, event) => {
        told.push([name, event.reason]);
        return Promise.resolve();
      },
      onOperation: () => undefined,
      monotonic: () => 0,
    },
    signal,
  );

const attachedNow = (): readonly string[] =>
  Object.keys((machine['identity'] as { userAssignedIdentities?: object }).userAssignedIdentities ?? {}).map(
    (id) => id.split('/').at(-1) ?? '',
  );
const stateOf = (name: string): unknown =>
  (
    world.cluster.get({ apiVersion: api, kind: 'AzureAssignedIdentity', namespace: 'default', name })?.['status'] as
      | { status?: string }
      | undefined
  )?.status;

beforeEach(() => {
  world = fakeWorld(SUBSCRIPTION);
  machine = { id: SET, location: 'eastus', identity: { type: 'SystemAssigned' } };
  [writes, refusals] = [[], []];
  told.length = 0;
  put('Node', 'n1', { spec: { providerID: `azure://${SET}/virtualMachines/0` } }, 'v1', { namespace: undefined });
});

describe('the controller of standard mode', () => {
  it('assigns, attaches, and takes both away when the pod goes', async () => {
    putIdentity('vote');
    putPod('vote-1', 'vote');
    expect(await cycle()).toEqual({ created: 1, removed: 0, updated: 0, assigned: 1, errors: [] });
    expect([attachedNow(), stateOf('vote-1-default-vote')]).toEqual([['vote'], 'Assigned']);
    expect((machine['identity'] as JsonObject)['type']).toBe('SystemAssigned, UserAssigned');
    expect(await cycle()).toEqual({ created: 0, removed: 0, updated: 0, assigned: 0, errors: [] });
    expect(writes).toHaveLength(1);
    await world.cluster.port.remove({ apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'vote-1' });
    expect(await cycle()).toMatchObject({ removed: 1, errors: [] });
    expect([attachedNow(), stateOf('vote-1-default-vote')]).toEqual([[], undefined]);
    expect(told).toEqual([
      ['vote-1-default-vote', 'binding applied'],
      ['vote-1-default-vote', 'binding removed'],
    ]);
    expect((machine['identity'] as JsonObject)['type']).toBe('SystemAssigned');
  });

  it('keeps an identity that another pod of the scale set needs, and those to be kept warm', async () => {
    for (const name of ['shared', 'warm']) putIdentity(name);
    putPod('a', 'shared');
    putPod('b', 'shared');
    putPod('c', 'warm');
    await cycle();
    for (const name of ['b', 'c']) {
      await world.cluster.port.remove({ apiVersion: 'v1', kind: 'Pod', namespace: 'default', name });
    }
    expect(await cycle()).toMatchObject({ removed: 2, errors: [] });
    expect(attachedNow().toSorted()).toEqual(['shared', 'warm']);
  });

  it('leaves the identity out that Azure refuses, and assigns the others', async () => {
    for (const name of ['good', 'broken']) {
      putIdentity(name);
      putPod(`${name}-1`, name);
    }
    refusals = [refused('LinkedAuthorizationFailed', `no permission on the linked scope '${idOf('broken')}'.`)];
    const result = await cycle();
    expect(result).toMatchObject({ created: 2, assigned: 1 });
    expect(result.errors.join()).toContain('binding apply error: no permission');
    expect(writes).toHaveLength(2);
    expect([stateOf('good-1-default-good'), stateOf('broken-1-default-broken')]).toEqual(['Assigned', 'Created']);
    expect(told.toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
      ['broken-1-default-broken', 'binding apply error'],
      ['good-1-default-good', 'binding applied'],
    ]);
  });

  it('gives up when Azure names no identity that was asked for', async () => {
    refusals = [refused('LinkedAuthorizationFailed', `'${idOf('other')}'`), refused('x', 'x')];
    const change = { add: [idOf('good').toLowerCase()], remove: [] };
    const { error, present } = await attachIdentities(SET, change, { arm, sleep: noSleep }, signal);
    expect([writes.length, present.size, error]).toEqual([1, 0, expect.any(DependencyError)]);
  });

  it('leaves out what is no managed identity, and warns', () => {
    const world = {
      pods: [
        { metadata: { name: 'p', namespace: 'default', labels: { aadpodidbinding: 'x' } }, spec: { nodeName: 'n' } },
      ],
      bindings: [{ metadata: { name: 'b', namespace: 'default' }, spec: { azureIdentity: 'i', selector: 'x' } }],
      identities: [{ metadata: { name: 'i', namespace: 'default' }, spec: { resourceID: 'nonsense' } }],
    };
    const { assigned, warnings } = desiredAssignments(world, true);
    expect([assigned, warnings]).toEqual([
      [],
      ['AzureIdentity default/i is left out: its resourceID is no managed identity'],
    ]);
  });

  it('gives an identity of another namespace only where nothing keeps it to its own', () => {
    const identity = (annotations: JsonObject) => ({
      metadata: { name: 'i', namespace: 'ids', annotations },
      spec: { type: 1 },
    });
    const worldWith = (annotations: JsonObject) => ({
      pods: [{ metadata: { name: 'p', namespace: 'apps', labels: { aadpodidbinding: 'x' } }, spec: { nodeName: 'n' } }],
      bindings: [{ metadata: { name: 'b', namespace: 'ids' }, spec: { azureIdentity: 'i', selector: 'x' } }],
      identities: [identity(annotations)],
    });
    const count = (annotations: JsonObject, forced: boolean) =>
      desiredAssignments(worldWith(annotations), forced).assigned.length;
    const behavior = 'aadpodidentity.k8s.io/Behavior';
    expect([
      count({}, false),
      count({}, true),
      count({ [behavior]: 'namespaced' }, false),
      count({ [behavior]: 'Namespaced' }, false),
    ]).toEqual([1, 0, 0, 1]);
  });

  it('lets the first of two bindings have a name that both lead to', () => {
    const pods = [
      { metadata: { name: 'p', namespace: 'apps', labels: { aadpodidbinding: 'x' } }, spec: { nodeName: 'n' } },
    ];
    const spaces = ['b', 'a-b', 'a'];
    const bindings = spaces.map((namespace) => ({
      metadata: { name: 'b', namespace },
      spec: { azureIdentity: 'i', selector: 'x' },
    }));
    const identities = spaces.map((namespace) => ({ metadata: { name: 'i', namespace }, spec: { type: 1 } }));
    const { assigned, warnings } = desiredAssignments({ pods, bindings, identities }, false);
    expect(assigned).toMatchObject([{ spec: { azureIdentityRef: { metadata: { namespace: 'a' } } } }]);
    expect(warnings).toHaveLength(2);
  });
});

describe('machineOfNode', () => {
  it.each([
    [`azure://${SET}/virtualMachines/3`, SET.toLowerCase()],
    [
      `azure://${GROUP}/providers/Microsoft.Compute/virtualMachines/vm1`,
      `${GROUP}/providers/microsoft.compute/virtualmachines/vm1`.toLowerCase(),
    ],
    ['kind://docker/kind/control-plane', undefined],
  ])('%s', (providerId, machineId) => {
    expect(machineOfNode(providerId)).toBe(machineId);
  });

  it('attaches nothing to nodes that are not Azure’s', () => {
    const changes = identityChanges({
      wanted: [],
      leaving: [],
      machineOf: new Map(),
      immutableClientIds: new Set(),
      ownIdentities: new Set(),
    });
    expect(changes.size).toBe(0);
  });
});

describe('the lease', () => {
  const lease = (holder: string, clock: () => number) => ({
    cluster: world.cluster.port,
    namespace: 'default',
    name: 'aad-pod-identity-mic',
    holder,
    seconds: 15,
    clock,
  });

  it('has one holder at a time, and another when that one stops renewing it or gives it back', async () => {
    let now = 1_700_000_000_000;
    const [a, b] = [lease('a', () => now), lease('b', () => now)];
    expect([await holdLease(a, signal), await holdLease(b, signal)]).toEqual([true, false]);
    now += 14_000;
    expect([await holdLease(a, signal), await holdLease(b, signal)]).toEqual([true, false]);
    now += 16_000;
    expect([await holdLease(b, signal), await holdLease(a, signal)]).toEqual([true, false]);
    await releaseLease(b, signal);
    expect(await holdLease(a, signal)).toBe(true);
  });

  it('is not taken from whoever was faster', async () => {
    const { port } = world.cluster;
    const options = lease('a', () => 0);
    const slow = { ...options, cluster: { ...port, read: () => Promise.resolve(undefined) } };
    await holdLease(
      lease('b', () => 0),
      signal,
    );
    expect(await holdLease(slow, signal)).toBe(false);
  });
});

describe('serveController', () => {
  it('takes the lease, assigns what is there, and gives the lease back when it stops', async () => {
    putIdentity('vote');
    putPod('vote-1', 'vote');
    const config = readControllerConfig({
      env: { subscription: SUBSCRIPTION, POD_NAME: 'mic-1', 'http-probe-port': '-1', 'prometheus-port': '-1' },
      configFile: undefined,
    });
    const attached = Promise.withResolvers<void>();
    const watched = {
      ...arm,
      write: async (...call: Parameters<typeof arm.write>) => {
        const written = await arm.write(...call);
        attached.resolve();
        return written;
      },
    };
    const cluster = { ...world.cluster.port, watch: emptyWatch };
    const logger = createLogger({ name: 'test', level: 'silent' });
    const service = await serveController({ logger }, config, { cluster, arm: watched });
    await attached.promise;
    const holder = () =>
      (
        world.cluster.get({
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          namespace: 'default',
          name: 'aad-pod-identity-mic',
        })?.['spec'] as { holderIdentity?: string } | undefined
      )?.holderIdentity;
    expect(holder()).toBe('mic-1');
    await service.stop();
    expect([attachedNow(), holder()]).toEqual([['vote'], '']);
  });
});

/** A watch that brings nothing until it is stopped. */
async function* emptyWatch(_api: string, _kind: string, options: { readonly signal: AbortSignal }) {
  if (!options.signal.aborted) await once(options.signal, 'abort');
  yield* [];
}
