import type { DeploymentConfig } from '../config/profiles.ts';
import type { ConfigPath } from '../config/yaml-places.ts';
import { defaultNodeGroup } from '../graph/ids.ts';
import { nameProblem, nameRules } from '../rules/names.ts';
import type { NameKind } from '../rules/names.ts';
import { check, checkFor, findings, notChecked } from './check.ts';
import type { Check, Finding } from './check.ts';

interface Named {
  readonly kind: NameKind;
  readonly value: string;
  readonly path: ConfigPath;
}

const named = (kind: NameKind, value: string | undefined, ...path: ConfigPath): readonly Named[] =>
  value === undefined ? [] : [{ kind, value, path }];

/** Every name that a configuration gives. */
function namesOf(config: DeploymentConfig): readonly Named[] {
  const group = named('resourceGroup', config.resourceGroup.name, 'resourceGroup', 'name');
  switch (config.profile) {
    case 'uid2-vn2': {
      const { network, aks, vault, operator, virtualNode } = config;
      return [
        ...group,
        ...named('resourceGroup', aks.nodeResourceGroup, 'aks', 'nodeResourceGroup'),
        ...named('resourceGroup', virtualNode.aciResourceGroupName, 'virtualNode', 'aciResourceGroupName'),
        ...named('virtualNetwork', network.vnet.name, 'network', 'vnet', 'name'),
        ...named('networkPart', network.subnets.cg.name, 'network', 'subnets', 'cg', 'name'),
        ...named('networkPart', network.publicIp.name, 'network', 'publicIp', 'name'),
        ...named('networkPart', network.nat.name, 'network', 'nat', 'name'),
        ...named('cluster', aks.name, 'aks', 'name'),
        ...named('nodePool', aks.pool.name, 'aks', 'pool', 'name'),
        ...named('dnsPrefix', aks.dnsPrefix, 'aks', 'dnsPrefix'),
        ...named('identity', operator.identityName, 'operator', 'identityName'),
        ...named('vault', vault.name, 'vault', 'name'),
        ...named('secret', vault.secretName, 'vault', 'secretName'),
        ...named('kubernetes', operator.namespace, 'operator', 'namespace'),
        ...named('kubernetes', virtualNode.namespace, 'virtualNode', 'namespace'),
        ...named('release', virtualNode.releaseName, 'virtualNode', 'releaseName'),
      ];
    }
    case 'kata-cc': {
      const { cluster, identity, vault, kafka } = config;
      return [
        ...group,
        ...named('cluster', cluster.name, 'cluster', 'name'),
        ...named('nodePool', cluster.pool.name, 'cluster', 'pool', 'name'),
        ...named('identity', identity.name, 'identity', 'name'),
        ...named('federatedCredential', identity.federatedCredential, 'identity', 'federatedCredential'),
        ...named('vault', vault.name, 'vault', 'name'),
        ...named('secret', vault.keyName, 'vault', 'keyName'),
        ...named('kubernetes', kafka.namespace, 'kafka', 'namespace'),
        ...named('kubernetes', kafka.serviceAccount, 'kafka', 'serviceAccount'),
      ];
    }
    case 'peer-pods': {
      const { network, cluster } = config;
      return [
        ...group,
        ...named('resourceGroup', cluster.resourceGroup, 'cluster', 'resourceGroup'),
        ...named('virtualNetwork', cluster.vnet.name, 'cluster', 'vnet', 'name'),
        ...named('virtualNetwork', network.vnet.name, 'network', 'vnet', 'name'),
        ...named('networkPart', cluster.workerSubnet.name, 'cluster', 'workerSubnet', 'name'),
        ...named('networkPart', cluster.networkSecurityGroup, 'cluster', 'networkSecurityGroup'),
        ...named('networkPart', network.subnet.name, 'network', 'subnet', 'name'),
        ...named('networkPart', network.publicIp.name, 'network', 'publicIp', 'name'),
        ...named('networkPart', network.nat.name, 'network', 'nat', 'name'),
        ...named('networkPart', network.nsg.name, 'network', 'nsg', 'name'),
        ...named('networkPart', network.peering.toPodVms, 'network', 'peering', 'toPodVms'),
        ...named('networkPart', network.peering.toCluster, 'network', 'peering', 'toCluster'),
      ];
    }
    default: {
      const { network, aks, identity, vault, redis, app } = config;
      return [
        ...group,
        ...named('virtualNetwork', network.vnet.name, 'network', 'vnet', 'name'),
        ...named('networkPart', `${vault.name}-vault`, 'vault', 'name'),
        ...named('cluster', aks.name, 'aks', 'name'),
        ...named('nodePool', aks.pool.name, 'aks', 'pool', 'name'),
        ...named('identity', identity.name, 'identity', 'name'),
        ...named('federatedCredential', identity.federatedCredential, 'identity', 'federatedCredential'),
        ...named('vault', vault.name, 'vault', 'name'),
        ...named('secret', vault.secretName, 'vault', 'secretName'),
        ...named('redis', redis.name, 'redis', 'name'),
        ...named('kubernetes', app.namespace, 'app', 'namespace'),
        ...named('kubernetes', app.serviceAccount, 'app', 'serviceAccount'),
        ...named('kubernetes', app.name, 'app', 'name'),
      ];
    }
  }
}

/** The kinds in the order of the checks NM-01 to NM-12; releases are checked with the Kubernetes names. */
const order: readonly (readonly NameKind[])[] = [
  ['resourceGroup'],
  ['virtualNetwork'],
  ['networkPart'],
  ['cluster'],
  ['nodePool'],
  ['dnsPrefix'],
  ['identity'],
  ['federatedCredential'],
  ['vault'],
  ['secret'],
  ['redis'],
  ['kubernetes', 'release'],
];

const ruleChecks: readonly Check[] = order.map((kinds, index) => {
  const [kind = 'resourceGroup'] = kinds;
  const rule = nameRules[kind];
  return check({
    id: `NM-${String(index + 1).padStart(2, '0')}`,
    title: `The name of the ${rule.what} is allowed`,
    severity: 'error',
    explanation: `It has ${rule.min} to ${rule.max} characters: ${rule.allowed}.`,
    remedy: 'Choose another name.',
    run: (config) => [
      ...namesOf(config)
        .filter((name) => kinds.includes(name.kind))
        .flatMap(({ kind, value, path }): Finding[] => {
          const message = nameProblem(kind, value);
          return message === undefined ? [] : [{ message, path }];
        }),
      ...(kind === 'cluster' ? nodeGroupLength(config) : []),
    ],
  });
});

/** The group of the nodes is named after three things together. */
function nodeGroupLength(config: DeploymentConfig): Finding[] {
  if (config.profile !== 'uid2-vn2') return [];
  const { aks, resourceGroup, location } = config;
  const group = aks.nodeResourceGroup ?? defaultNodeGroup(resourceGroup.name, aks.name, location);
  if (group.length <= 80) return [];
  const path = aks.nodeResourceGroup === undefined ? ['aks', 'name'] : ['aks', 'nodeResourceGroup'];
  return [
    { message: `the group of the nodes would be ${group}, which has ${group.length} characters; 80 are allowed`, path },
  ];
}

export const nameChecks: readonly Check[] = [
  ...ruleChecks,
  checkFor(['uid2-vn2', 'kata-cc', 'private-link'], {
    id: 'NM-13',
    title: 'The name of the vault is free',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Vault names are unique in the whole of Azure; those of the guides are certainly taken.',
    remedy: 'Choose another vault.name.',
    run: (config, { azure }) => {
      const facts = azure?.vault?.nameAvailable;
      if (facts === undefined) return notChecked;
      if (facts.available || facts.ours) return [];
      return [
        {
          message: `the vault name ${config.vault.name} is taken (${facts.reason ?? 'AlreadyExists'})`,
          path: ['vault', 'name'],
        },
      ];
    },
  }),
  checkFor(['uid2-vn2', 'kata-cc', 'private-link'], {
    id: 'NM-14',
    title: 'No deleted vault keeps the name',
    severity: 'error',
    needs: ['azure'],
    explanation: 'A deleted vault keeps its name until it is purged; with purge protection nobody can do that early.',
    remedy:
      'Bring the vault back with holdfast apply --recover-vault, or choose another name until the day it is purged.',
    run: (config, { azure }) => {
      const deleted = azure?.vault?.deleted;
      if (deleted === undefined) return notChecked;
      if (deleted === 'none') return [];
      const how = deleted.purgeProtected
        ? `is purged on ${deleted.purgeDate} and not before`
        : 'can be purged or recovered';
      return [{ message: `a deleted vault is called ${config.vault.name}; it ${how}`, path: ['vault', 'name'] }];
    },
  }),
  checkFor(['uid2-vn2', 'private-link'], {
    id: 'NM-15',
    title: 'No deleted secret keeps the name',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'A secret that was deleted must be recovered or purged before it can be written.',
    remedy: 'az keyvault secret recover, or choose another vault.secretName.',
    run: (config, { azure }) => {
      if (azure?.vault?.deletedSecret === undefined) return notChecked;
      return findings(azure.vault.deletedSecret && `a deleted secret is called ${config.vault.secretName}`);
    },
  }),
  check({
    id: 'NM-16',
    title: 'No name differs from an existing one only by case',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Azure ignores case, Kubernetes and scripts do not.',
    remedy: 'Write the name as it exists.',
    run: (config, { azure }) => {
      if (azure?.group === undefined) return notChecked;
      const { existingNames } = azure.group;
      return namesOf(config).flatMap(({ value, path }) => {
        const other = existingNames.find((name) => name !== value && name.toLowerCase() === value.toLowerCase());
        return other === undefined ? [] : [{ message: `${value} exists as ${other}`, path }];
      });
    },
  }),
];
