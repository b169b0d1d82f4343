import type { DeploymentConfig } from '../config/profiles.ts';
import {
  confidentialRegions,
  deniedRegion,
  isKnownRegion,
  isSovereignRegion,
  nearestRegion,
  normaliseRegion,
} from '../rules/regions.ts';
import type { RegionFacts } from '../rules/regions.ts';
import { chartCompatibility, chartTableDate, isMinorAlias, minorOf } from '../rules/kubernetes-versions.ts';
import { check, checkFor, notChecked } from './check.ts';
import type { Check, Finding } from './check.ts';
import type { Facts } from './facts.ts';

function regionFacts(config: DeploymentConfig, facts: Facts): RegionFacts | undefined {
  return facts.azure?.regions?.find(({ name }) => name === normaliseRegion(config.location));
}

const at = (message: string, more: Partial<Finding> = {}): readonly Finding[] => [
  { message, path: ['location'], ...more },
];

export const regionChecks: readonly Check[] = [
  checkFor(['uid2-vn2'], {
    id: 'LO-01',
    title: 'The region is not in Europe or China',
    severity: 'error',
    explanation:
      'UID2 private operators are not supported there. A deployment would even attest, because the operator reports a constant region, and still break the contract.',
    remedy: 'Choose a region outside Europe, the United Kingdom and China, such as eastus, japaneast or southeastasia.',
    run: (config, facts) => {
      const reason = deniedRegion(config.location, regionFacts(config, facts));
      return reason === undefined ? [] : at(`UID2 private operators are not supported in Europe or China: ${reason}`);
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'LO-02',
    title: 'It is clear which country the region is in',
    severity: 'warning',
    explanation: 'eastasia is in Hong Kong; whether that counts as China is for UID2 to say.',
    remedy: 'Confirm the region with your UID2 contact.',
    run: (config, facts) => {
      if (normaliseRegion(config.location) === 'eastasia') return at('eastasia is in Hong Kong');
      const live = regionFacts(config, facts);
      if (live === undefined) return [];
      return live.geographyGroup === undefined ? at(`Azure does not say where ${config.location} is`) : [];
    },
  }),
  check({
    id: 'LO-03',
    title: 'The region exists',
    severity: 'error',
    explanation: 'Names have no spaces; logical regions such as unitedstates hold no resources.',
    remedy: 'az account list-locations -o table lists them.',
    run: (config, facts) => {
      const { location } = config;
      const name = normaliseRegion(location);
      if (name !== location) return at(`"${location}" is written ${name}`);
      const live = facts.azure?.regions;
      const found = live?.find((region) => region.name === name);
      if (found?.regionType !== undefined && found.regionType !== 'Physical')
        return at(`${location} is not a physical region`);
      if (found !== undefined || (live === undefined && isKnownRegion(name))) return [];
      const meant = nearestRegion(location);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      // Without a connection the list here may be behind.
      return at(
        `there is no region "${location}"${hint}`,
        live === undefined && meant === undefined ? { severity: 'warning' } : {},
      );
    },
  }),
  check({
    id: 'LO-04',
    title: 'The region belongs to the cloud that is used',
    severity: 'error',
    explanation: 'Regions of the clouds of governments have other endpoints, and virtual nodes must be told which.',
    remedy: 'Set virtualNode.armEndpointBaseUrl, or choose a region of the public cloud.',
    run: (config, facts) => {
      const endpoint = config.profile === 'uid2-vn2' ? config.virtualNode.armEndpointBaseUrl : facts.azure?.armEndpoint;
      const sovereign = isSovereignRegion(config.location);
      const elsewhere = endpoint !== undefined && !endpoint.includes('management.azure.com');
      if (sovereign === elsewhere) return [];
      if (sovereign) return at(`${config.location} is not in the public cloud`);
      return at(`${config.location} is in the public cloud, and the endpoint is ${endpoint}`);
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'LO-05',
    title: 'Confidential container groups are offered in the region',
    severity: 'warning',
    explanation: 'The list of documented regions is not complete, so another region is only a warning.',
    remedy: `Choose one of ${confidentialRegions.join(', ')}, or ask Azure support.`,
    run: (config, facts) => {
      const type = facts.azure?.providers?.find(({ namespace }) => namespace === 'Microsoft.ContainerInstance')?.types[
        'containerGroups'
      ];
      const name = normaliseRegion(config.location);
      if (type !== undefined && !type.locations.map(normaliseRegion).includes(name)) {
        return at(`Azure does not offer container groups in ${config.location}`, { severity: 'error' });
      }
      return confidentialRegions.includes(name)
        ? []
        : at(`${config.location} is not documented for confidential containers`);
    },
  }),
];

type Versioned = Extract<DeploymentConfig, { readonly profile: 'uid2-vn2' | 'kata-cc' | 'private-link' }>;

function versionOf(config: Versioned): { readonly version: string; readonly path: readonly string[] } {
  return config.profile === 'kata-cc'
    ? { version: config.cluster.kubernetesVersion, path: ['cluster', 'kubernetesVersion'] }
    : { version: config.aks.kubernetesVersion, path: ['aks', 'kubernetesVersion'] };
}

const versioned = ['uid2-vn2', 'kata-cc', 'private-link'] as const;

export const versionChecks: readonly Check[] = [
  checkFor(versioned, {
    id: 'KV-01',
    title: 'The Kubernetes version is offered',
    severity: 'error',
    needs: ['azure'],
    explanation: 'The service answers K8sVersionNotSupported otherwise.',
    remedy: 'Choose one that is offered: az aks get-versions --location REGION -o table.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      if (azure?.kubernetes === undefined) return notChecked;
      const minors = azure.kubernetes.map(({ minor }) => minor);
      if (version === 'auto' || minors.includes(version)) return [];
      return [{ message: `${version} is not offered in ${config.location}; there are ${minors.join(', ')}`, path }];
    },
  }),
  checkFor(versioned, {
    id: 'KV-02',
    title: 'The Kubernetes version is supported by the plan',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Old versions are offered with long-term support only, which costs more.',
    remedy: 'Choose a newer version, or the tier Premium with the plan AKSLongTermSupport.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      const longTerm =
        config.profile === 'uid2-vn2' &&
        config.aks.tier === 'Premium' &&
        config.aks.supportPlan === 'AKSLongTermSupport';
      if (config.profile === 'uid2-vn2' && config.aks.supportPlan === 'AKSLongTermSupport' && !longTerm) {
        return [{ message: 'long-term support needs the tier Premium', path: ['aks', 'tier'] }];
      }
      if (azure?.kubernetes === undefined) return notChecked;
      const offer = azure.kubernetes.find(({ minor }) => minor === version);
      if (offer === undefined || longTerm || offer.supportPlans.includes('KubernetesOfficial')) return [];
      return [{ message: `${version} is offered with long-term support only`, path }];
    },
  }),
  checkFor(versioned, {
    id: 'KV-03',
    title: 'The Kubernetes version is supported for a while',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'A version without support gets no fixes.',
    remedy: 'Plan the upgrade: the virtual node first, then the cluster.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      if (azure?.kubernetes === undefined) return notChecked;
      const days = azure.kubernetes.find(({ minor }) => minor === version)?.daysLeft;
      return days !== undefined && days <= 60
        ? [{ message: `standard support of ${version} ends in ${days} days`, path }]
        : [];
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'KV-04',
    title: 'The virtual node works with the Kubernetes version',
    severity: 'error',
    explanation: `A virtual node supports few minor versions; the newest ones come later. Its makers' table is of ${chartTableDate}.`,
    remedy: 'Choose a version that the table marks as working. For the built-in virtual node these are 1.33 and 1.34.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      const minor = azure?.cluster?.minor ?? minorOf(version);
      if (minor === undefined) return [];
      const chart = config.virtualNode.chartVersion;
      switch (chartCompatibility(chart, minor)) {
        case 'ok':
          return [];
        case 'incompatible':
          return [{ message: `the virtual node ${chart} does not work with 1.${minor}`, path }];
        case 'unknown':
          return [
            {
              message: `nobody says whether the virtual node ${chart} works with 1.${minor}`,
              path,
              severity: 'warning',
            },
          ];
        default:
          return [
            {
              message: `1.${minor} is newer than what the virtual node ${chart} was tried with`,
              path,
              severity: 'warning',
            },
          ];
      }
    },
  }),
  checkFor(versioned, {
    id: 'KV-05',
    title: 'The Kubernetes version is a minor version',
    severity: 'error',
    explanation: 'The channel patch moves the patch version: a pinned one is a downgrade, and refused, soon after.',
    remedy: 'Write the minor version only, in quotes: "1.34".',
    run: (config) => {
      const { version, path } = versionOf(config);
      if (version === 'auto' || isMinorAlias(version)) return [];
      const minor = minorOf(version);
      return [
        {
          message:
            minor === undefined
              ? `"${version}" is not a Kubernetes version`
              : `${version} names a patch version; write "1.${minor}"`,
          path,
        },
      ];
    },
  }),
  checkFor(versioned, {
    id: 'KV-06',
    title: 'The Kubernetes version is no preview',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Previews have no support.',
    remedy: 'Choose a released version.',
    run: (config, { azure }) => {
      const { version, path } = versionOf(config);
      if (azure?.kubernetes === undefined) return notChecked;
      const preview = azure.kubernetes.find(({ minor }) => minor === version)?.preview === true;
      return preview ? [{ message: `${version} is a preview`, path }] : [];
    },
  }),
];
