import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  assignmentDifference,
  boundIdentities,
  credentialCommand,
  defaultMigrationSettings,
  desiredAssignments,
  isIdentityResourceId,
  migrateWorkload,
  parseTokenExpiration,
  podIdentityDefinitions,
  podTemplateIn,
  readAzureIdentity,
  readAzureIdentityBinding,
  topOwner,
  withoutBindingLabel,
} from '../../src/index.ts';
import type { JsonObject } from '../../src/index.ts';

const RESOURCE_ID = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i';
const identity = readAzureIdentity({
  metadata: { name: 'i', namespace: 'default' },
  spec: { type: 0, clientID: 'c', resourceID: RESOURCE_ID },
});
const template = (spec: JsonObject = {}): JsonObject => ({
  metadata: { labels: { aadpodidbinding: 'i', app: 'a' } },
  spec: { containers: [{ name: 'a', image: 'a' }], ...spec },
});
const deployment = (spec: JsonObject = {}): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '1',
    managedFields: [],
    labels: { keep: 'me' },
  },
  spec: { replicas: 2, template: template(spec) },
  status: { readyReplicas: 2 },
});

describe('migrateWorkload', () => {
  it('changes nothing the second time, and keeps what it does not know', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('volumes', 'futureField', 'tolerations'), fc.jsonValue() as fc.Arbitrary<never>),
        fc.constantFrom('sidecar' as const, 'native' as const),
        (spec, path) => {
          const settings = { ...defaultMigrationSettings, path };
          const once = migrateWorkload(deployment(spec), identity, undefined, settings);
          const twice = migrateWorkload(once.workload, identity, once.serviceAccount, settings);
          expect(twice.workload).toEqual(once.workload);
          expect(twice.serviceAccount).toEqual(once.serviceAccount);
          expect(podTemplateIn(once.workload)?.['spec']).toMatchObject(spec);
        },
      ),
    );
  });

  it('reaches the template of a CronJob two levels down, and removes what the API server wrote', () => {
    const cronJob = {
      ...deployment(),
      kind: 'CronJob',
      spec: { schedule: '@daily', jobTemplate: { spec: { template: template({ serviceAccount: 'default' }) } } },
    };
    const { workload } = migrateWorkload(cronJob, identity, undefined, defaultMigrationSettings);
    expect(workload).toMatchObject({
      metadata: { labels: { keep: 'me' } },
      spec: { schedule: '@daily', jobTemplate: { spec: { template: { spec: { serviceAccountName: 'web' } } } } },
    });
    expect(JSON.stringify(workload)).not.toMatch(/resourceVersion|managedFields|"uid"|"status"|"serviceAccount":/);
  });

  it('keeps the old label until it is asked to remove it', () => {
    const { workload } = migrateWorkload(deployment(), identity, undefined, defaultMigrationSettings);
    expect(podTemplateIn(workload)).toMatchObject({ metadata: { labels: { aadpodidbinding: 'i' } } });
    expect(podTemplateIn(withoutBindingLabel(workload))?.['metadata']).toEqual({
      labels: { app: 'a', 'azure.workload.identity/use': 'true' },
    });
  });

  it('adds its annotations to a service account that is there', () => {
    const account = {
      kind: 'ServiceAccount',
      metadata: { name: 'own', resourceVersion: '3', annotations: { keep: 'me' } },
    };
    const settings = { ...defaultMigrationSettings, tenantId: 't' };
    const { serviceAccount, credential } = migrateWorkload(
      deployment({ serviceAccountName: 'own' }),
      identity,
      account,
      settings,
    );
    expect(serviceAccount['metadata']).toEqual({
      name: 'own',
      annotations: {
        keep: 'me',
        'azure.workload.identity/client-id': 'c',
        'azure.workload.identity/service-account-token-expiration': '3600',
        'azure.workload.identity/tenant-id': 't',
      },
    });
    expect(credential.subject).toBe('system:serviceaccount:default:own');
  });

  it('quotes for a shell what somebody else named', () => {
    const credential = {
      name: 'n',
      identityResourceId: RESOURCE_ID,
      issuer: "x'; rm -rf ~",
      subject: 's',
      audience: 'a',
    };
    expect(credentialCommand(credential)).toContain(`--issuer 'x'\\''; rm -rf ~'`);
  });
});

describe('topOwner', () => {
  it('ends when owners own each other', async () => {
    const owner = { kind: 'ReplicaSet', name: 'r', controller: true };
    const object = { kind: 'ReplicaSet', metadata: { name: 'r', ownerReferences: [owner] } };
    await expect(topOwner(object, () => Promise.resolve(object))).rejects.toMatchObject({ code: 'OWNER_UNSUPPORTED' });
  });
});

describe('parseTokenExpiration', () => {
  it.each([
    ['1h', 3600],
    ['90m0s', 5400],
    ['24h0m0s', 86_400],
    ['3600.9s', 3600],
  ])('reads %s', (text, seconds) => {
    expect(parseTokenExpiration(text)).toBe(seconds);
  });

  it.each(['', '1', '24h1s', '-2h', '1d', '1h '])('refuses "%s"', (text) => {
    expect(() => parseTokenExpiration(text)).toThrow('--service-account-token-expiration');
  });
});

describe('boundIdentities', () => {
  const read = (azureIdentity: string, selector: string, namespace = 'default') =>
    readAzureIdentityBinding({ metadata: { name: azureIdentity, namespace }, spec: { azureIdentity, selector } });
  const named = (name: string, namespace = 'default') => readAzureIdentity({ metadata: { name, namespace } });

  it('answers in the order of names whatever the order of the lists, and never with another namespace', () => {
    const all = [named('b'), named('a'), named('c'), named('a', 'other')];
    const bindings = [read('a', 's'), read('b', 's'), read('c', 't'), read('a', 's', 'other')];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(all, { minLength: 4 }),
        fc.shuffledSubarray(bindings, { minLength: 4 }),
        (some, others) => {
          const found = boundIdentities({ namespace: 'default', bindingLabel: 's' }, others, some, 'strict');
          expect(found.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual(['default/a', 'default/b']);
        },
      ),
    );
  });
});

describe('the controller’s objects', () => {
  it('differ from nothing when they are there, whatever the order', () => {
    const pods = ['p', 'q'].map((name) => ({
      metadata: { name, namespace: 'default', labels: { aadpodidbinding: 'i' } },
      spec: { nodeName: 'n' },
    }));
    const world = {
      pods,
      bindings: [
        {
          metadata: { name: 'b', namespace: 'default', resourceVersion: '1' },
          spec: { azureIdentity: 'i', selector: 'i' },
        },
      ],
      identities: [
        { metadata: { name: 'i', namespace: 'default', resourceVersion: '2' }, spec: { resourceID: RESOURCE_ID } },
      ],
    };
    const { assigned } = desiredAssignments(world, true);
    expect(assignmentDifference(assigned, assigned.toReversed())).toEqual({ create: [], remove: [], update: [] });
    const changed = {
      ...world,
      identities: [{ ...world.identities[0], metadata: { ...world.identities[0]?.metadata, resourceVersion: '3' } }],
    };
    expect(assignmentDifference(desiredAssignments(changed as never, true).assigned, assigned).update).toHaveLength(2);
  });

  it('have definitions with the names of the reference', () => {
    expect(podIdentityDefinitions().map((each) => (each['metadata'] as JsonObject)['name'])).toEqual([
      'azureidentities.aadpodidentity.k8s.io',
      'azureidentitybindings.aadpodidentity.k8s.io',
      'azureassignedidentities.aadpodidentity.k8s.io',
      'azurepodidentityexceptions.aadpodidentity.k8s.io',
    ]);
  });
});

describe('isIdentityResourceId', () => {
  it('is linear in hostile texts', () => {
    expect(isIdentityResourceId('/subscriptions//resourcegroups/'.repeat(100_000))).toBe(false);
  });
});
