import { Secret } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { keyFingerprint } from '../../../src/engine/names.ts';
import { gatherFacts } from '../../../src/index.ts';
import type { AzureFacts, GatherPorts, Need } from '../../../src/index.ts';
import { configOf } from '../../configs.ts';
import {
  AT,
  azure,
  CLUSTER,
  config,
  deployedCloud,
  emptyCloud,
  factsOf,
  noVault,
  NODES,
  VAULT,
  verdicts,
} from './clouds.ts';
import { azureError, FakeArm, ME, NOW, ports } from './fake-ports.ts';

describe('gatherFacts in an empty subscription', () => {
  it('answers everything that Azure can be asked, and says what does not exist yet', async () => {
    const facts = await factsOf(emptyCloud());
    expect(facts.notes?.map(({ subject, reason }) => `${subject}: ${reason}`)).toEqual([
      'the cluster: the cluster does not exist yet',
    ]);
    const found = verdicts(facts);
    for (const id of [
      'CR-01',
      'SB-01',
      'PM-01',
      'PM-02',
      'PM-03',
      'PM-05',
      'PM-08',
      'PV-01',
      'RG-01',
      'RG-03',
      'LO-03',
    ]) {
      expect([id, found[id]]).toEqual([id, 'passed']);
    }
    for (const id of ['KV-01', 'QT-01', 'QT-02', 'QT-03', 'QT-05', 'NM-13', 'NM-14']) {
      expect([id, found[id]]).toEqual([id, 'passed']);
    }
    expect(found['CL-01']).toBe('not-checked');
  });

  it('takes the subscription of the credential when none is configured', async () => {
    const arm = emptyCloud();
    const facts = await factsOf(arm, {}, azure, configOf('uid2-vn2'));
    expect(facts.subscription?.state).toBe('Enabled');
    expect(arm.asked.some((path) => path.startsWith('/subscriptions/'))).toBe(false);
  });

  it('changes nothing', async () => {
    const arm = emptyCloud();
    const port = arm.port();
    // The fake has no write, remove or deployments at all: a call would throw and leave a note.
    expect(['write', 'remove', 'deployments'].filter((name) => name in port)).toEqual([]);
    await factsOf(arm);
  });

  it('asks only what the chosen checks look at', async () => {
    const arm = emptyCloud();
    await gatherFacts(config, ports(arm), { needs: azure, only: new Set(['KV-01']) });
    expect(arm.asked).toEqual(['/providers/microsoft.containerservice/locations/eastus/kubernetesversions']);
  });

  it('asks nobody when neither Azure nor the cluster is wanted', async () => {
    const arm = emptyCloud();
    expect(await gatherFacts(config, ports(arm), { needs: new Set<Need>(['config']) })).toEqual({});
    expect(arm.asked).toEqual([]);
  });
});

describe('gatherFacts in a subscription with the deployment', () => {
  it('tells what is ours from what is not', async () => {
    const { group } = await factsOf(deployedCloud());
    expect(group).toMatchObject({
      exists: true,
      foreignResources: ['Microsoft.Web/sites other'],
      locks: [{ name: 'keep', level: 'CanNotDelete' }],
      nodeGroup: { exists: true, managedBy: `${AT}${CLUSTER}` },
    });
  });

  it('describes the network with its peerings', async () => {
    const { network } = await factsOf(deployedCloud());
    expect(network?.connected).toEqual([{ name: 'office', cidr: '10.4.0.0/24' }]);
    expect(network?.subnets).toEqual([
      {
        name: 'cg',
        delegations: ['Microsoft.ContainerInstance/containerGroups'],
        nat: true,
        members: 1,
        otherEgress: false,
        foreignResources: [],
        defaultOutboundAccess: false,
      },
      expect.objectContaining({ name: 'aks', nat: false, members: 1, otherEgress: true }),
    ]);
  });

  it('finds a vault that is ours although its name is taken, and its key', async () => {
    const version = {
      version: '1',
      enabled: true,
      tags: { keyFingerprint: keyFingerprint(`${AT}${VAULT}`, new Secret('a')) },
      createdAt: NOW,
    };
    const vault = { ...noVault, secretVersions: () => Promise.resolve([version]) };
    const same = await factsOf(deployedCloud(), { vault, operatorKey: new Secret('a') });
    expect(same.vault?.nameAvailable).toEqual({ available: false, reason: 'AlreadyExists', ours: true });
    expect(same.vault?.live?.sameKey).toBe(true);
    const other = await factsOf(deployedCloud(), { vault, operatorKey: new Secret('b') });
    expect(other.vault?.live?.sameKey).toBe(false);
  });

  it('says since when a role on the vault does not work', async () => {
    const arm = deployedCloud().set(`${VAULT}/providers/Microsoft.Authorization/roleAssignments`, [
      {
        properties: { scope: `${AT}${VAULT}`, principalId: ME, createdOn: new Date(NOW - 5 * 60_000).toISOString() },
      },
    ]);
    const vault = { ...noVault, secretVersions: () => Promise.reject(azureError(403, 'ForbiddenByRbac')) };
    expect((await factsOf(arm, { vault })).vault?.denied).toEqual({ code: 'ForbiddenByRbac', assignedMinutesAgo: 5 });
  });

  it('names everybody whom the firewall of the vault keeps out', async () => {
    const arm = deployedCloud().set(VAULT, { properties: { networkAcls: { defaultAction: 'Deny' } } });
    const vault = { ...noVault, secretVersions: () => Promise.reject(azureError(403, 'ForbiddenByFirewall')) };
    const facts = await factsOf(arm, { vault });
    expect(facts.vault?.live?.blocked).toEqual(['the subnet cg of the container groups', 'this machine']);
  });

  it('finds a deleted vault that keeps the name', async () => {
    const arm = emptyCloud().set('/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/my-vn-aks-vault', {
      properties: { purgeProtectionEnabled: true, scheduledPurgeDate: '2026-12-24T00:00:00Z' },
    });
    const facts = await factsOf(arm);
    expect(facts.vault?.deleted).toEqual({ purgeProtected: true, purgeDate: '2026-12-24' });
    expect(verdicts(facts)['NM-14']).toBe('failed');
  });

  it('compares the roles of the nodes with those they need', async () => {
    const { assignments } = await factsOf(deployedCloud());
    expect(assignments).toEqual({ kubeletMissingAt: [`${AT}${NODES}`], clientIdAssignments: ['wrong'] });
  });

  it('describes the cluster from outside without opening it', async () => {
    const arm = deployedCloud();
    const facts = await factsOf(arm);
    expect(facts.cluster).toMatchObject({
      minor: 34,
      authorizedIpRanges: ['203.0.113.0/24'],
      networkPlugin: 'azure',
      networkPolicy: 'calico',
      insideAsked: false,
    });
    expect(arm.asked.some((path) => path.includes('credential'))).toBe(false);
    expect(verdicts(facts)['CL-01']).toBe('not-checked');
  });
});

describe('what cannot be asked', () => {
  const parts: readonly (readonly [member: keyof AzureFacts, path: string])[] = [
    ['subscription', 'subscription'],
    ['permissions', '/roleAssignments'],
    ['group', '/locks'],
    ['providers', '/providers/Microsoft.Network'],
    ['regions', '/locations'],
    ['kubernetes', '/kubernetesVersions'],
    ['capacity', '/skus'],
    ['vault', '/checkNameAvailability'],
    ['network', '/virtualNetworks/'],
    ['cluster', '/managedClusters/'],
    ['assignments', '/userAssignedIdentities'],
  ];

  it('is a group that Azure does not find, for the roles in it', async () => {
    const facts = await factsOf(
      emptyCloud().refuse('/userAssignedIdentities', azureError(404, 'ResourceGroupNotFound')),
    );
    expect(facts.notes).toContainEqual({
      subject: 'the role assignments',
      checks: ['RA-01', 'RA-02'],
      reason: 'the resource group does not exist yet',
    });
  });

  it.each(parts)('leaves %s open with the reason when it is refused', async (member, path) => {
    const facts = await factsOf(deployedCloud().refuse(path));
    expect(facts[member]).toBeUndefined();
    expect(facts.notes?.map(({ reason }) => reason)).toContain('could not check: Azure answers AuthorizationFailed');
    // The others stand.
    expect(facts.credential?.token).toBeDefined();
  });

  it('is over after the deadline', async () => {
    const arm = deployedCloud().set(VAULT, 'never');
    const facts = await factsOf(arm, { sleep: () => Promise.resolve() });
    // All gatherers race a clock that is over at once; the one that never answers has lost, whatever the others did.
    expect(facts.vault).toBeUndefined();
    expect(facts.notes?.find(({ subject }) => subject === 'the vault')?.reason).toBe(
      'could not check: no answer within 20 s',
    );
  });

  it('is told for the credential as the check wants it', async () => {
    const arm = emptyCloud();
    arm.callerError = new Error('not signed in');
    const facts = await factsOf(arm);
    expect(facts.credential).toEqual({
      tried: [{ name: 'the configured credential', problem: 'not signed in' }],
      subscriptions: [],
    });
    expect(verdicts(facts)['CR-01']).toBe('failed');
  });

  it('is nothing when even the subscription is unknown', async () => {
    const facts = await factsOf(new FakeArm(), {}, azure, configOf('uid2-vn2'));
    expect(facts).toEqual({
      notes: [{ subject: 'the subscription', checks: [], reason: 'Azure answers SubscriptionNotFound' }],
    });
  });

  it('is a quota of a provider that is not registered', async () => {
    const arm = emptyCloud().set(
      '/providers/Microsoft.ContainerInstance/locations/eastus/usages',
      azureError(409, 'MissingSubscriptionRegistration'),
    );
    const facts = await factsOf(arm);
    expect(facts.capacity).toMatchObject({ containerGroupsFree: undefined, regionalCoresFree: 100 });
    expect(verdicts(facts)).toMatchObject({ 'QT-02': 'passed', 'QT-03': 'not-checked' });
  });
});

describe('hosts that must be reached', () => {
  it('are those that do not answer at all', async () => {
    const http: NonNullable<GatherPorts['http']> = {
      get: (url) =>
        url.includes('ghcr.io') ? Promise.reject(new Error('refused')) : Promise.resolve({ status: 403, body: '' }),
    };
    expect((await factsOf(emptyCloud(), { http })).network?.blockedHosts).toEqual(['ghcr.io']);
  });
});
