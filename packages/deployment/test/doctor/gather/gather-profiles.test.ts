import { describe, expect, it } from 'vitest';

import { configOf } from '../../configs.ts';
import { AT, azure, emptyCloud, factsOf } from './clouds.ts';
import { SUBSCRIPTION } from './fake-ports.ts';

describe('the other profiles', () => {
  it('look at the attestation provider of confidential containers', async () => {
    const kata = configOf('kata-cc', `subscriptionId: ${SUBSCRIPTION}`);
    const path =
      '/resourceGroups/MyResourceGroup/providers/Microsoft.Attestation/attestationProviders/myattestationprovider';
    const there = emptyCloud().set(path, { id: path, properties: { status: 'Ready' } });
    expect((await factsOf(there, {}, azure, kata)).attestationProvider).toEqual({ exists: true, status: 'Ready' });
    expect((await factsOf(emptyCloud(), {}, azure, kata)).attestationProvider).toEqual({ exists: false });
  });

  it('look at features, and at what else a vault holds', async () => {
    const kata = configOf('kata-cc', `subscriptionId: ${SUBSCRIPTION}`);
    const vault = '/resourceGroups/myResourceGroup/providers/Microsoft.KeyVault/vaults/kafka-vault';
    const arm = emptyCloud()
      .set(vault, { properties: { enableRbacAuthorization: true } })
      .set(`${vault}/keys`, [{ name: 'kafka-encryption-demo' }, { name: 'theirs' }]);
    const facts = await factsOf(arm, {}, azure, kata);
    expect(facts.features).toEqual({ 'Microsoft.ContainerService/KataCcIsolationPreview': 'NotRegistered' });
    expect(facts.vault?.live?.foreignContents).toEqual(['theirs']);
  });

  it('find the rule that closes a port between workers and pod VMs', async () => {
    const peer = configOf('peer-pods', `subscriptionId: ${SUBSCRIPTION}`);
    const group = '/providers/Microsoft.Network/networkSecurityGroups/';
    const deny = {
      name: 'no-agents',
      properties: {
        priority: 100,
        access: 'Deny',
        direction: 'Inbound',
        protocol: '*',
        sourceAddressPrefix: '*',
        destinationAddressPrefix: '*',
        destinationPortRange: '15150',
      },
    };
    const arm = emptyCloud()
      .set(`/resourceGroups/openshift${group}openshift-nsg`, { properties: { securityRules: [] } })
      .set(`/resourceGroups/peer-pods${group}peer-pods-nsg`, { properties: { securityRules: [deny] } });
    expect((await factsOf(arm, {}, azure, peer)).network?.closedPorts).toEqual([
      { port: 15_150, direction: 'from workers to pod VMs', rule: 'no-agents' },
    ]);
    expect((await factsOf(emptyCloud(), {}, azure, peer)).network?.closedPorts).toBeUndefined();
  });

  it('ask the private zones what names resolve to', async () => {
    const link = configOf('private-link', `subscriptionId: ${SUBSCRIPTION}`);
    const base = '/resourceGroups/pod-identity/providers/Microsoft.Network';
    const zone = `${base}/privateDnsZones/privatelink.vaultcore.azure.net`;
    const arm = emptyCloud()
      .set(`${base}/virtualNetworks/pod-identity-vnet`, { id: `${AT}${base}/virtualNetworks/pod-identity-vnet` })
      .set(`${zone}/A/azure-vote`, { properties: { aRecords: [{ ipv4Address: '10.241.0.4' }] } })
      .set(`${zone}/virtualNetworkLinks`, [
        { properties: { virtualNetwork: { id: `${AT}${base}/virtualNetworks/pod-identity-vnet` } } },
      ]);
    expect((await factsOf(arm, {}, azure, link)).network?.privateNames).toEqual([
      { name: 'azure-vote.privatelink.vaultcore.azure.net', address: '10.241.0.4', linked: true },
    ]);
  });
});
