import { randomBytes } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { createClusterStore, StatusError } from '../../../src/kubernetes/api/index.ts';
import type { ClusterObject, ClusterStore, ObjectInput } from '../../../src/kubernetes/api/index.ts';
import { deployment } from './cluster-server.ts';

const POD = { apiVersion: 'v1', kind: 'Pod' };
const DEPLOYMENT = { apiVersion: 'apps/v1', kind: 'Deployment' };
const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap' };

function open(): ClusterStore & { advance(ms: number): void } {
  let now = Date.UTC(2026, 0, 1);
  const store = createClusterStore({ clock: () => now, randomBytes });
  return Object.assign(store, { advance: (ms: number) => void (now += ms) });
}

function pod(name: string, owner?: ClusterObject, node?: string): ObjectInput {
  return {
    ...POD,
    metadata: {
      name,
      namespace: 'default',
      labels: { app: name },
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [{ ...referenceTo(owner), blockOwnerDeletion: true }],
          }),
    },
    spec: {
      containers: [{ name: 'web', image: 'example/web:1' }],
      ...(node === undefined ? {} : { nodeName: node }),
    },
  };
}

function referenceTo({ apiVersion, kind, metadata }: ClusterObject) {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid };
}

function configMap(name: string, data: Readonly<Record<string, string>> = {}): ObjectInput {
  return { ...CONFIG_MAP, metadata: { name, namespace: 'default' }, data };
}

function refusal(action: () => unknown): StatusError {
  try {
    action();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('createClusterStore, writing', () => {
  it('fills in what the API server fills in', () => {
    const store = open();
    const made = store.create(deployment('web'), { fieldManager: 'test' });
    expect(made.metadata).toMatchObject({ generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' });
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made['spec']).toMatchObject({
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
      template: { spec: { restartPolicy: 'Always', containers: [{ imagePullPolicy: 'IfNotPresent' }] } },
    });
    expect(Object.isFrozen(made['spec'])).toBe(true);
  });

  it('makes a name from generateName', () => {
    const made = open().create({ ...pod(''), metadata: { generateName: 'web-' } });
    expect(made.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
  });

  it('counts generations by the specification only', () => {
    const store = open();
    const made = store.create(deployment('web'));
    const status = store.update({ ...made, status: { replicas: 2 } }, { subresource: 'status' });
    expect(status.metadata.generation).toBe(1);
    const patched = store.patch({ ...DEPLOYMENT, name: 'web' }, 'merge', { spec: { replicas: 5 } });
    expect(patched.metadata.generation).toBe(2);
    expect(patched['status']).toEqual({ replicas: 2 });
  });

  it('does not let a write of the object change its status', () => {
    const store = open();
    const made = store.create({ ...deployment('web'), status: { replicas: 9 } });
    expect(made['status']).toEqual({});
    expect(store.update({ ...made, status: { replicas: 9 } })['status']).toEqual({});
  });

  it('refuses an update of an older version, and takes one without a version', () => {
    const store = open();
    const first = store.create(configMap('settings', { a: '1' }));
    store.update({ ...first, data: { a: '2' } });
    expect(refusal(() => store.update({ ...first, data: { a: '3' } })).status).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply your changes to the latest version and try again',
    });
    expect(store.update(configMap('settings', { a: '3' }))['data']).toEqual({ a: '3' });
  });

  it('stores nothing anew when nothing has changed', () => {
    const store = open();
    const made = store.create(configMap('settings', { a: '1' }), { fieldManager: 'test' });
    const events: string[] = [];
    store.subscribe(undefined, (event) => events.push(event.type));
    const again = store.update(configMap('settings', { a: '1' }), { fieldManager: 'test' });
    expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    expect(events).toEqual([]);
  });

  it('changes nothing on a dry run', () => {
    const store = open();
    const before = store.resourceVersion;
    expect(store.apply(deployment('web'), { fieldManager: 'test', dryRun: true }).metadata.name).toBe('web');
    expect(store.get({ ...DEPLOYMENT, name: 'web' })).toBeUndefined();
    expect(store.resourceVersion).toBe(before);
  });

  it.each([
    ['a name with capitals', { ...configMap('Settings') }, 'metadata.name'],
    [
      'a container without an image',
      { ...pod('p'), spec: { containers: [{ name: 'web' }] } },
      'spec.containers[0].image',
    ],
    [
      'a mount of no volume',
      {
        ...pod('p'),
        spec: { containers: [{ name: 'w', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
      },
      'spec.containers[0].volumeMounts[0].name',
    ],
    [
      'a selector that misses its template',
      {
        ...deployment('web'),
        spec: {
          selector: { matchLabels: { app: 'other' } },
          template: { metadata: { labels: { app: 'web' } }, spec: pod('p')['spec'] },
        },
      },
      'spec.template.metadata.labels',
    ],
    [
      'a service without ports',
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: {} },
      'spec.ports',
    ],
  ] as const)('refuses %s and names the field', (_what, object, field) => {
    const { status } = refusal(() => open().create(object));
    expect(status).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(status.details?.causes?.map((cause) => cause.field)).toContain(field);
  });

  it('refuses a change of a selector, and a value of the wrong type', () => {
    const store = open();
    const made = store.create(deployment('web'));
    const changed = { selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } } } };
    const patch = (spec: unknown): unknown => store.patch({ ...DEPLOYMENT, name: 'web' }, 'merge', { spec });
    expect(refusal(() => patch(changed)).message).toContain(
      'spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable',
    );
    expect(refusal(() => patch({ replicas: 'two' })).status).toMatchObject({ code: 400 });
    expect(store.get({ ...DEPLOYMENT, name: 'web' })).toBe(store.get({ ...DEPLOYMENT, name: made.metadata.name }));
  });

  it('keeps a canonical form of quantities, so that applying a number again is no change, but it is to another owner', () => {
    const store = open();
    const limits = { cpu: 1, memory: '0G' };
    const object = { ...pod('p'), spec: { containers: [{ name: 'w', image: 'x', resources: { limits } }] } };
    const first = store.apply(object, { fieldManager: 'a' });
    expect(first['spec']).toMatchObject({ containers: [{ resources: { limits: { cpu: '1', memory: '0' } } }] });
    expect(store.apply(object, { fieldManager: 'a' }).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    expect(refusal(() => store.apply(object, { fieldManager: 'b' })).reason).toBe('Conflict');
  });

  it('takes a null in a map of texts for an empty text', () => {
    const store = open();
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } };
    expect(store.create({ ...secret, data: { 'tls.crt': null, 'tls.key': 'a2V5' } })['data']).toEqual({
      'tls.crt': '',
      'tls.key': 'a2V5',
    });
    const applied = store.apply({ ...secret, data: { 'tls.key': null } }, { fieldManager: 'chart', force: true });
    expect(applied['data']).toEqual({ 'tls.crt': '', 'tls.key': '' });
  });

  it('gives services addresses and node ports and keeps them', () => {
    const store = open();
    const ports = [{ port: 80 }];
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'LoadBalancer', ports },
    };
    const made = store.apply(service, { fieldManager: 'a' });
    const again = store.apply(service, { fieldManager: 'a' });
    expect(made['spec']).toMatchObject({ clusterIP: '10.0.0.2', ports: [{ nodePort: 30_000, targetPort: 80 }] });
    expect(again['spec']).toEqual(made['spec']);
  });
});

describe('createClusterStore, managed fields', () => {
  it('keeps status and specification apart by subresource', () => {
    const store = open();
    store.apply(deployment('web'), { fieldManager: 'engine' });
    const reference = { ...deployment('web') };
    store.update({ ...reference, status: { replicas: 2 } }, { subresource: 'status', fieldManager: 'controller' });
    const live = store.apply(deployment('web'), { fieldManager: 'engine' });
    expect(live.metadata.managedFields).toMatchObject([
      { manager: 'engine', operation: 'Apply' },
      {
        manager: 'controller',
        operation: 'Update',
        subresource: 'status',
        fieldsV1: { 'f:status': { 'f:replicas': {} } },
      },
    ]);
    expect(live['status']).toEqual({ replicas: 2 });
  });

  it('gives replicas to whoever scales, and the next applier a conflict', () => {
    const store = open();
    store.apply(deployment('web'), { fieldManager: 'engine' });
    const scale = { ...DEPLOYMENT, metadata: { name: 'web' }, spec: { replicas: 7 } };
    store.update(scale, { subresource: 'scale', fieldManager: 'autoscaler' });
    const { status } = refusal(() => store.apply(deployment('web'), { fieldManager: 'engine' }));
    expect(status.message).toBe(
      'Apply failed with 1 conflict: conflict with "autoscaler" with subresource "scale" using apps/v1: .spec.replicas',
    );
  });

  it('tells an updater by its version in the text of a conflict', () => {
    const store = open();
    store.create(deployment('web'), { fieldManager: 'kubectl-client-side-apply' });
    const { status } = refusal(() => store.apply(deployment('web', 'example/web:2'), { fieldManager: 'engine' }));
    expect(status).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.template.spec.containers[name="web"].image',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl-client-side-apply" using apps/v1',
            field: '.spec.template.spec.containers[name="web"].image',
          },
        ],
      },
    });
  });

  it('takes all owners away when a client writes one empty entry', () => {
    const store = open();
    const made = store.create(configMap('settings', { a: '1' }), { fieldManager: 'test' });
    const reset = store.update({ ...made, metadata: { ...made.metadata, managedFields: [{}] } });
    expect(reset.metadata.managedFields).toEqual([]);
    const taken = store.apply(configMap('settings', { a: '2' }), { fieldManager: 'engine', force: true });
    expect(taken.metadata.managedFields?.[0]).toMatchObject({ manager: 'engine' });
  });
});

describe('createClusterStore, deletion', () => {
  it('marks a pod that has a node and leaves the rest to the kubelet', () => {
    const store = open();
    store.create(pod('p', undefined, 'node-1'));
    const { removed, object } = store.remove({ ...POD, name: 'p' });
    expect(removed).toBe(false);
    expect(object.metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:30Z',
      deletionGracePeriodSeconds: 30,
    });
    expect(store.remove({ ...POD, name: 'p' }, { gracePeriodSeconds: 0 }).removed).toBe(true);
    expect(store.get({ ...POD, name: 'p' })).toBeUndefined();
  });

  it('removes a pod without a node at once', () => {
    const store = open();
    store.create(pod('p'));
    expect(store.remove({ ...POD, name: 'p' }).removed).toBe(true);
  });

  it('waits for finalizers', () => {
    const store = open();
    const made = store.create({ ...configMap('kept'), metadata: { name: 'kept', finalizers: ['example.com/wait'] } });
    expect(store.remove({ ...CONFIG_MAP, name: 'kept' }).removed).toBe(false);
    const marked = store.get({ ...CONFIG_MAP, name: 'kept' });
    expect(marked?.metadata.deletionTimestamp).toBe('2026-01-01T00:00:00Z');
    store.update({ ...made, metadata: { name: 'kept', finalizers: [] } });
    expect(store.get({ ...CONFIG_MAP, name: 'kept' })).toBeUndefined();
  });

  it('takes dependents along in the background, and leaves orphans', () => {
    const store = open();
    const owner = store.create(configMap('owner'));
    store.create(pod('dependent', owner));
    store.remove({ ...CONFIG_MAP, name: 'owner' });
    expect(store.get({ ...POD, name: 'dependent' })).toBeUndefined();
    const second = store.create(configMap('owner'));
    store.create(pod('orphan', second));
    store.remove({ ...CONFIG_MAP, name: 'owner' }, { propagation: 'Orphan' });
    expect(store.get({ ...POD, name: 'orphan' })?.metadata.ownerReferences).toEqual([]);
  });

  it('removes the owner last in the foreground', () => {
    const store = open();
    const owner = store.create(configMap('owner'));
    store.create(pod('running', owner, 'node-1'));
    expect(store.remove({ ...CONFIG_MAP, name: 'owner' }, { propagation: 'Foreground' }).removed).toBe(false);
    expect(store.get({ ...CONFIG_MAP, name: 'owner' })?.metadata.finalizers).toEqual(['foregroundDeletion']);
    expect(store.get({ ...POD, name: 'running' })?.metadata.deletionTimestamp).toBeDefined();
    store.remove({ ...POD, name: 'running' }, { gracePeriodSeconds: 0 });
    expect(store.get({ ...CONFIG_MAP, name: 'owner' })).toBeUndefined();
  });

  it('waits in the foreground for nothing that does not ask for it', () => {
    const store = open();
    const owner = store.create(configMap('owner'));
    store.create(pod('running', owner, 'node-1'));
    const mirrored = (): unknown =>
      store.create({ ...configMap('mirrored'), metadata: { name: 'mirrored', ownerReferences: [referenceTo(owner)] } });
    mirrored();
    store.remove({ ...CONFIG_MAP, name: 'owner' }, { propagation: 'Foreground' });
    expect(store.get({ ...CONFIG_MAP, name: 'mirrored' })).toBeUndefined();
    // Whoever mirrors it does not know yet that its owner goes.
    mirrored();
    store.remove({ ...POD, name: 'running' }, { gracePeriodSeconds: 0 });
    expect(store.get({ ...CONFIG_MAP, name: 'owner' })).toBeUndefined();
    expect(store.get({ ...CONFIG_MAP, name: 'mirrored' })).toBeUndefined();
  });

  it('keeps in the foreground what another owner has as well', () => {
    const store = open();
    const [first, second] = ['first', 'second'].map((name) => store.create(configMap(name)));
    if (first === undefined || second === undefined) throw new Error('both were made');
    store.create(pod('running', first, 'node-1'));
    const ownerReferences = [referenceTo(first), referenceTo(second)];
    store.create({ ...configMap('shared'), metadata: { name: 'shared', ownerReferences } });
    store.remove({ ...CONFIG_MAP, name: 'first' }, { propagation: 'Foreground' });
    expect(store.get({ ...CONFIG_MAP, name: 'shared' })?.metadata.ownerReferences).toEqual([referenceTo(second)]);
    store.remove({ ...CONFIG_MAP, name: 'second' }, { propagation: 'Foreground' });
    expect(store.get({ ...CONFIG_MAP, name: 'shared' })).toBeUndefined();
  });

  it('empties a namespace, refuses new objects meanwhile, and then removes it', () => {
    const store = open();
    store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kafka' } });
    store.create({ ...pod('p', undefined, 'node-1'), metadata: { name: 'p', namespace: 'kafka' } });
    const reference = { apiVersion: 'v1', kind: 'Namespace', name: 'kafka' };
    expect(store.remove(reference).removed).toBe(false);
    const late = { ...configMap('late'), metadata: { name: 'late', namespace: 'kafka' } };
    expect(refusal(() => store.create(late)).message).toContain('because it is being terminated');
    store.remove({ ...POD, name: 'p', namespace: 'kafka' }, { gracePeriodSeconds: 0 });
    expect(store.get(reference)).toBeUndefined();
    expect(refusal(() => store.create(late)).message).toBe('namespaces "kafka" not found');
  });

  it('refuses when the object is another one than the caller thinks', () => {
    const store = open();
    store.create(configMap('settings'));
    const preconditions = { uid: 'another' };
    expect(refusal(() => store.remove({ ...CONFIG_MAP, name: 'settings' }, { preconditions })).reason).toBe('Conflict');
  });
});

describe('createClusterStore, events', () => {
  it('delivers in order, also what listeners change', () => {
    const store = open();
    const seen: string[] = [];
    store.subscribe(CONFIG_MAP, (event) => {
      seen.push(`${event.type} ${event.object.metadata.name}`);
      if (event.type === 'ADDED' && event.object.metadata.name === 'one') store.create(configMap('two'));
    });
    store.subscribe(CONFIG_MAP, (event) => seen.push(`second ${event.object.metadata.name}`));
    store.create(configMap('one'));
    expect(seen).toEqual(['ADDED one', 'second one', 'ADDED two', 'second two']);
  });

  it('replays changes after a version, and says when they are forgotten', () => {
    const store = open();
    const { resourceVersion } = store;
    store.create(configMap('one'));
    store.remove({ ...CONFIG_MAP, name: 'one' });
    expect(store.watchFrom(resourceVersion, CONFIG_MAP).map((event) => event.type)).toEqual(['ADDED', 'DELETED']);
    store.restore(store.snapshot());
    expect(refusal(() => store.watchFrom(resourceVersion)).status).toMatchObject({ code: 410, reason: 'Expired' });
  });

  it('comes back from a snapshot as it was', () => {
    const store = open();
    store.create(deployment('web'));
    const copy = open();
    copy.restore(JSON.parse(JSON.stringify(store.snapshot())) as ReturnType<ClusterStore['snapshot']>);
    expect(copy.get({ ...DEPLOYMENT, name: 'web' })).toEqual(store.get({ ...DEPLOYMENT, name: 'web' }));
    const next = copy.create(configMap('later'));
    expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(Number(store.resourceVersion));
  });

  it('lists by labels and fields', () => {
    const store = open();
    for (const name of ['a', 'b', 'c']) store.create(pod(name, undefined, name === 'c' ? 'node-1' : undefined));
    const names = (filter: object): readonly string[] => store.list(POD, filter).map((one) => one.metadata.name);
    expect(names({ labelSelector: 'app in (a, b),app!=b' })).toEqual(['a']);
    expect(names({ labelSelector: '!app' })).toEqual([]);
    expect(names({ fieldSelector: 'spec.nodeName=node-1' })).toEqual(['c']);
    expect(names({ fieldSelector: 'metadata.name!=a,spec.nodeName=' })).toEqual(['b']);
    expect(refusal(() => names({ labelSelector: 'app==(' })).reason).toBe('BadRequest');
  });
});
