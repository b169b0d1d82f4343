import { buildGraph } from '../graph/build-graph.ts';
import { uid2Names } from '../graph/uid2-vn2.ts';
import type { DeploymentConfig } from '../config/profiles.ts';
import { normaliseRegion } from '../rules/regions.ts';
import type { GraphNode } from '../graph/types.ts';
import { check, checkFor, findings, notChecked } from './check.ts';
import type { Check } from './check.ts';

const NOBODY = '00000000-0000-0000-0000-000000000000';

function nodesOf(config: DeploymentConfig): readonly GraphNode[] {
  return buildGraph(config, { subscriptionId: config.subscriptionId ?? NOBODY, kubernetesVersion: '1.34' }).nodes;
}

function neededProviders(config: DeploymentConfig): readonly string[] {
  return nodesOf(config).flatMap((node) => (node.kind === 'registration' ? node.providers : []));
}

export const providerChecks: readonly Check[] = [
  check({
    id: 'PV-01',
    title: 'Resource providers are registered',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Deployments fail with MissingSubscriptionRegistration before. The first stage registers them.',
    remedy: 'az provider register --namespace NAME, and wait until it is Registered.',
    run: (config, { azure }) => {
      if (azure?.providers === undefined) return notChecked;
      const states = new Map(azure.providers.map(({ namespace, state }) => [namespace, state]));
      return findings(
        ...neededProviders(config).map((name) => {
          const state = states.get(name) ?? 'NotRegistered';
          return state !== 'Registered' && `${name} is ${state}`;
        }),
      );
    },
  }),
  check({
    id: 'PV-02',
    title: 'Resource providers may be registered',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Registration is a right of the subscription, not of the group.',
    remedy: 'Ask an administrator of the subscription to register them.',
    run: (config, { azure }) => {
      if (azure?.permissions === undefined || azure.providers === undefined) return notChecked;
      const registered = new Set(
        azure.providers.filter(({ state }) => state === 'Registered').map((one) => one.namespace),
      );
      const missing = neededProviders(config).filter((name) => !registered.has(name));
      return findings(
        missing.length > 0 &&
          azure.permissions.registerProviders === 'refused' &&
          `you may not register ${missing.join(', ')}`,
      );
    },
  }),
  check({
    id: 'PV-03',
    title: 'The cloud knows the versions of the interface that are used',
    severity: 'error',
    needs: ['azure'],
    explanation:
      'Every type of resource is written with one version of the interface, in a region that offers the type.',
    remedy: 'Use a release of holdfast that fits this cloud, or another region.',
    run: (config, { azure }) => {
      if (azure?.providers === undefined) return notChecked;
      const types = new Map(
        azure.providers.flatMap(({ namespace, types: all }) =>
          Object.entries(all).map(([type, facts]) => [`${namespace}/${type}`.toLowerCase(), facts] as const),
        ),
      );
      const region = normaliseRegion(config.location);
      const problems = nodesOf(config).flatMap((node) => {
        const facts = node.kind === 'arm' ? types.get(node.type.toLowerCase()) : undefined;
        if (node.kind !== 'arm' || facts === undefined) return [];
        if (!facts.apiVersions.includes(node.apiVersion))
          return [`${node.type} does not offer version ${node.apiVersion}`];
        const regions = facts.locations.map(normaliseRegion);
        const offered = regions.length === 0 || regions.includes('global') || regions.includes(region);
        return offered ? [] : [`${node.type} is not offered in ${config.location}`];
      });
      return findings(...new Set(problems));
    },
  }),
  checkFor(['kata-cc'], {
    id: 'PV-04',
    title: 'The preview feature is registered',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Confidential containers are a preview that a subscription has to ask for.',
    remedy: 'az feature register --namespace Microsoft.ContainerService --name KataCcIsolationPreview, and wait.',
    run: (_config, { azure }) => {
      if (azure?.features === undefined) return notChecked;
      const state = azure.features['Microsoft.ContainerService/KataCcIsolationPreview'] ?? 'NotRegistered';
      return findings(state !== 'Registered' && `KataCcIsolationPreview is ${state}`);
    },
  }),
];

export const groupChecks: readonly Check[] = [
  check({
    id: 'RG-01',
    title: 'The resource group is in the configured region',
    severity: 'error',
    needs: ['azure'],
    explanation: 'The region of a group cannot be changed.',
    remedy: 'Choose another name, or the region of the group that exists.',
    run: (config, { azure }) => {
      if (azure?.group === undefined) return notChecked;
      const { exists, location } = azure.group;
      if (!exists || location === undefined || normaliseRegion(location) === normaliseRegion(config.location))
        return [];
      return [
        { message: `${config.resourceGroup.name} is in ${location}, not in ${config.location}`, path: ['location'] },
      ];
    },
  }),
  check({
    id: 'RG-02',
    title: 'The group holds nothing else',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'What others put there stays, and so does the group when the deployment is removed.',
    remedy: 'Use a group of its own.',
    run: (_config, { azure }) => {
      if (azure?.group === undefined) return notChecked;
      const { foreignResources } = azure.group;
      return findings(foreignResources.length > 0 && `the group also holds ${foreignResources.join(', ')}`);
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'RG-03',
    title: 'The group of the nodes is free',
    severity: 'error',
    needs: ['azure'],
    explanation: 'AKS creates it and refuses one that exists.',
    remedy: 'Set aks.nodeResourceGroup to another name, or delete the group.',
    run: (config, { azure }) => {
      if (azure?.group === undefined) return notChecked;
      const names = uid2Names(config, config.subscriptionId ?? NOBODY);
      const { exists, managedBy } = azure.group.nodeGroup;
      const ours = managedBy?.toLowerCase() === names.cluster.toLowerCase();
      return findings(exists && !ours && `${names.nodeGroup} exists and does not belong to the cluster`);
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'RG-04',
    title: 'No other virtual node uses the same group',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Each would delete the container groups of the other as orphans.',
    remedy: 'Set virtualNode.aciResourceGroupName to a group of its own.',
    run: (_config, { azure }) => {
      if (azure?.group === undefined) return notChecked;
      return findings(
        ...azure.group.otherVirtualNodes.map((name) => `the cluster ${name} puts its container groups there`),
      );
    },
  }),
];
