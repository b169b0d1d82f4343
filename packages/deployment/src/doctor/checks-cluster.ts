import { listAt, objectAt } from '../bundle/shape.ts';
import { kafkaPods } from '../manifests/kafka.ts';
import { minorOf } from '../rules/kubernetes-versions.ts';
import { check, checkFor, findings, notChecked } from './check.ts';
import type { Check, Finding } from './check.ts';

const onCluster = ['uid2-vn2', 'kata-cc', 'private-link'] as const;

export const clusterChecks: readonly Check[] = [
  checkFor(onCluster, {
    id: 'NS-01',
    title: 'The namespace can be used',
    severity: 'error',
    explanation: 'Namespaces of the system and of the virtual node are not for workloads.',
    remedy: 'Choose another namespace.',
    run: (config, { azure }) => {
      const [namespace, path] =
        config.profile === 'uid2-vn2'
          ? [config.operator.namespace, ['operator', 'namespace']]
          : config.profile === 'kata-cc'
            ? [config.kafka.namespace, ['kafka', 'namespace']]
            : [config.app.namespace, ['app', 'namespace']];
      const taken = config.profile === 'uid2-vn2' ? config.virtualNode.namespace : 'vn2';
      if (namespace.startsWith('kube-') || namespace === taken)
        return [{ message: `${namespace} is not for workloads`, path }];
      return findings(azure?.cluster?.inside?.namespaceUsable === false && `${namespace} cannot be created or used`);
    },
  }),
  checkFor(onCluster, {
    id: 'NS-02',
    title: 'Nothing in the cluster denies privileged pods',
    severity: 'warning',
    needs: ['cluster'],
    explanation: 'The pods of a virtual node are privileged and mount folders of the node.',
    remedy: 'Exempt the namespace of the virtual node.',
    run: (_config, { azure }) =>
      azure?.cluster?.inside === undefined
        ? notChecked
        : findings(
            ...azure.cluster.inside.denyingPolicies.map((name) => `${name} would deny pods of the virtual node`),
          ),
  }),
  checkFor(onCluster, {
    id: 'NS-03',
    title: 'No quota of the namespace is too small',
    severity: 'error',
    needs: ['cluster'],
    explanation: 'An operator pod asks for 6 cores and 24 GiB.',
    remedy: 'Raise the quota, or use another namespace.',
    run: (_config, { azure }) =>
      azure?.cluster?.inside === undefined ? notChecked : findings(...azure.cluster.inside.quotaProblems),
  }),
  checkFor(onCluster, {
    id: 'NS-04',
    title: 'No object of the same name belongs to others',
    severity: 'error',
    needs: ['cluster'],
    explanation: 'Taking it over would undo what others manage.',
    remedy: 'Rename one of them, or adopt the object explicitly.',
    run: (_config, { azure }) =>
      azure?.cluster?.inside === undefined
        ? notChecked
        : findings(...azure.cluster.inside.foreignObjects.map((name) => `${name} belongs to others`)),
  }),
  checkFor(onCluster, {
    id: 'CL-01',
    title: 'The API server can be reached',
    severity: 'error',
    needs: ['azure'],
    explanation: 'That of a private cluster is reached from its network only.',
    remedy: 'Run this from a machine in the network of the cluster.',
    run: (_config, { azure }) =>
      azure?.cluster === undefined || azure.cluster.insideAsked === false
        ? notChecked
        : findings(azure.cluster.inside === undefined && 'the API server does not answer'),
  }),
  checkFor(['uid2-vn2'], {
    id: 'CL-02',
    title: 'No other installation of the virtual node is there',
    severity: 'error',
    needs: ['cluster'],
    explanation: 'A Helm release or the cluster extension Microsoft.virtualnodes would fight over the same objects.',
    remedy: 'Let helm manage it, or uninstall it first.',
    run: (_config, { azure }) =>
      azure?.cluster?.inside === undefined
        ? notChecked
        : findings(
            ...azure.cluster.inside.otherInstallations.map((name) => `the virtual node was installed by ${name}`),
          ),
  }),
  checkFor(['uid2-vn2'], {
    id: 'CL-03',
    title: 'No virtual node is orphaned',
    severity: 'warning',
    needs: ['cluster'],
    explanation: 'Scaling down leaves nodes behind that no pod serves.',
    remedy: 'kubectl delete node NAME.',
    run: (_config, { azure }) =>
      azure?.cluster?.inside === undefined
        ? notChecked
        : findings(...azure.cluster.inside.orphanNodes.map((name) => `the node ${name} has no pod`)),
  }),
  checkFor(['uid2-vn2'], {
    id: 'CL-04',
    title: 'There is one admission controller',
    severity: 'warning',
    needs: ['cluster'],
    explanation: 'Only one release of the virtual node may have one.',
    remedy: 'Set admissionControllerReplicaCount to 0 in the others.',
    run: (_config, { azure }) => {
      const count = azure?.cluster?.inside?.admissionControllers;
      return count === undefined ? notChecked : findings(count > 1 && `there are ${count} admission controllers`);
    },
  }),
];

const HOST = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/i;
const USUAL_SERVICE = 'sharedeus.eus.attest.azure.net';
const PLACEHOLDER_VAULTS = new Set(['mykeyvault', 'mykeyvaultname', 'some-value']);

export const kataChecks: readonly Check[] = [
  checkFor(['kata-cc'], {
    id: 'MA-01',
    title: 'The attestation service is a host name',
    severity: 'error',
    explanation: 'The sidecar adds https:// itself.',
    remedy: 'Write the host alone: sharedeus2.eus2.attest.azure.net.',
    run: (config) => {
      const { endpoint } = config.attestation;
      if (typeof endpoint !== 'string' || HOST.test(endpoint)) return [];
      const host = endpoint.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
      return [{ message: `"${endpoint}" is not a host name; write ${host}`, path: ['attestation', 'endpoint'] }];
    },
  }),
  checkFor(['kata-cc'], {
    id: 'MA-02',
    title: 'The shared attestation service is the usual one',
    severity: 'warning',
    explanation: 'Tokens name the service that issued them, and whoever trusts them expects one.',
    remedy: `Use ${USUAL_SERVICE}, or bind the key to the service you name.`,
    run: (config) => {
      const { endpoint } = config.attestation;
      if (typeof endpoint !== 'string' || !endpoint.startsWith('shared') || endpoint === USUAL_SERVICE) return [];
      return [{ message: `${endpoint} is not ${USUAL_SERVICE}`, path: ['attestation', 'endpoint'] }];
    },
  }),
  checkFor(['kata-cc'], {
    id: 'MA-03',
    title: 'The attestation provider exists',
    severity: 'error',
    needs: ['azure'],
    explanation: 'The guide takes the host name from a provider that is already there.',
    remedy: 'Set attestation.endpoint.create, or name a provider that exists.',
    run: (config, { azure }) => {
      const { endpoint } = config.attestation;
      if (typeof endpoint === 'string' || endpoint.create) return [];
      if (azure?.attestationProvider === undefined) return notChecked;
      const { exists, status } = azure.attestationProvider;
      return findings(
        !exists && `there is no attestation provider ${endpoint.provider} in ${endpoint.resourceGroup}`,
        exists && status !== 'Ready' && `the attestation provider ${endpoint.provider} is ${status ?? 'not ready'}`,
      );
    },
  }),
  checkFor(['kata-cc'], {
    id: 'KC-01',
    title: 'Confidential containers on AKS are still offered',
    severity: 'error',
    explanation:
      'The preview ended in March 2026: no new node pools. It was self-service, delivered as is, without service level or warranty, and not meant for production.',
    remedy: 'Use profile uid2-vn2 or peer pods. For a cluster that still has it, set allowRetired to true.',
    run: (config) =>
      config.allowRetired
        ? [{ message: 'confidential containers on AKS are retired', path: ['allowRetired'], severity: 'warning' }]
        : [{ message: 'confidential containers on AKS are retired', path: ['profile'] }],
  }),
  checkFor(['kata-cc'], {
    id: 'KC-02',
    title: 'The pods keep the rules of confidential containers',
    severity: 'error',
    explanation: 'Images have a version, containers have limits, Services use TCP over IPv4; each pod costs 2 GB more.',
    remedy: 'Correct what the message names.',
    run: (config) => {
      const objects = kafkaPods(config, { attestation: 'host', vault: 'host', publicKey: 'key' });
      return objects.flatMap((object): Finding[] => [
        ...listAt(object, 'spec', 'containers').flatMap((container): Finding[] => {
          const image = String(container['image']);
          const tag = /:([^:/@]+)$/.exec(image)?.[1];
          const untagged = tag === undefined && !image.includes('@');
          const requests =
            'requests' in objectAt(container, 'resources') && !('limits' in objectAt(container, 'resources'));
          return [
            ...(untagged || tag === 'latest' ? [{ message: `the image ${image} names no version` }] : []),
            ...(requests ? [{ message: `${String(container['name'])} has requests and no limits` }] : []),
          ];
        }),
        ...listAt(object, 'spec', 'ports')
          .filter((port) => port['protocol'] === 'UDP')
          .map(() => ({ message: `${object.metadata.name} uses UDP` })),
      ]);
    },
  }),
  checkFor(['kata-cc'], {
    id: 'KC-03',
    title: 'Size and system of the nodes can host confidential pods',
    severity: 'error',
    explanation: 'KataCcIsolation needs AzureLinux and a size whose name ends in _cc_v5.',
    remedy: 'Use AzureLinux and Standard_DC8as_cc_v5 or Standard_DC4as_cc_v5.',
    run: (config) => {
      const { osSku, vmSize } = config.cluster.pool;
      return [
        ...(osSku === 'AzureLinux'
          ? []
          : [{ message: `${osSku} cannot host confidential pods`, path: ['cluster', 'pool', 'osSku'] }]),
        ...(/_cc_v\d+$/.test(vmSize)
          ? []
          : [{ message: `${vmSize} cannot host confidential pods`, path: ['cluster', 'pool', 'vmSize'] }]),
      ];
    },
  }),
  checkFor(['kata-cc'], {
    id: 'KC-04',
    title: 'The cluster that is adopted is ready for it',
    severity: 'error',
    explanation:
      'The feature is registered and the version is at least 1.25; workload identity is switched on when it is off.',
    remedy: 'Upgrade the cluster, and register the feature.',
    run: (config, { azure }) => {
      const minor = azure?.cluster?.minor ?? minorOf(config.cluster.kubernetesVersion);
      const old = minor !== undefined && minor < 25;
      const path = ['cluster', 'kubernetesVersion'];
      const version: Finding[] = old ? [{ message: `Kubernetes 1.${minor} is older than 1.25`, path }] : [];
      if (config.cluster.mode === 'create' || azure?.cluster === undefined) return version;
      const state = azure.features?.['Microsoft.ContainerService/KataCcIsolationPreview'];
      return [
        ...version,
        ...(state === undefined || state === 'Registered' ? [] : [{ message: `KataCcIsolationPreview is ${state}` }]),
        ...(azure.cluster.workloadIdentity
          ? []
          : [{ message: 'workload identity is off and will be switched on', severity: 'info' as const }]),
      ];
    },
  }),
  checkFor(['kata-cc'], {
    id: 'KC-05',
    title: 'The vault is not in use for anything else',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'For trying the preview the guide advises against a vault that is in use.',
    remedy: 'Use a vault of its own.',
    run: (_config, { azure }) => {
      if (azure?.vault === undefined) return notChecked;
      const others = azure.vault.live?.foreignContents ?? [];
      return findings(others.length > 0 && `the vault also holds ${others.join(', ')}`);
    },
  }),
  checkFor(['uid2-vn2', 'kata-cc', 'private-link'], {
    id: 'VT-05',
    title: 'The vault has a name of its own',
    severity: 'error',
    explanation: 'Names of examples are placeholders, as "<some value>" is one for the key.',
    remedy: 'Choose a name that is unique in the whole of Azure.',
    run: (config) =>
      PLACEHOLDER_VAULTS.has(config.vault.name.toLowerCase())
        ? [{ message: `${config.vault.name} is the placeholder of the guide`, path: ['vault', 'name'] }]
        : [],
  }),
];

export const privateLinkChecks: readonly Check[] = [
  checkFor(['private-link'], {
    id: 'PI-01',
    title: 'Pod identity is not used',
    severity: 'error',
    explanation: 'The add-on was deprecated in 2022 and archived in 2023.',
    remedy: 'Use workload identity, which this profile does: remove aks.podIdentity.',
    run: (config, { azure }) => [
      ...(config.aks.podIdentity
        ? [{ message: 'the pod identity add-on is asked for', path: ['aks', 'podIdentity'] }]
        : []),
      ...findings(azure?.cluster?.podIdentity === true && 'the cluster has the pod identity add-on'),
    ],
  }),
  checkFor(['private-link'], {
    id: 'PI-02',
    title: 'The network plugin is azure',
    severity: 'error',
    explanation: 'Azure refuses kubenet with identities for pods.',
    remedy: 'Set aks.networkPlugin to azure.',
    run: (config) =>
      config.aks.networkPlugin === 'azure'
        ? []
        : [{ message: `the network plugin is ${config.aks.networkPlugin}`, path: ['aks', 'networkPlugin'] }],
  }),
  checkFor(['private-link'], {
    id: 'RD-01',
    title: 'Azure Cache for Redis can be created',
    severity: 'warning',
    explanation: 'It ends on 2028-09-30, and directories without an instance before 2026-04-01 cannot create one.',
    remedy: 'Use Azure Managed Redis, which has another port and other names.',
    run: (_config, { azure }) => {
      const had = azure?.hadRedis;
      if (had === true) return [];
      const message = 'Azure Cache for Redis ends in 2028 and may not be offered to you';
      return had === undefined
        ? [{ message }]
        : [{ message: 'Azure Cache for Redis cannot be created any more', severity: 'error' }];
    },
  }),
  checkFor(['private-link'], {
    id: 'PL-01',
    title: 'Private names resolve to private addresses',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Without the link between zone and network, pods get the public address, which is closed.',
    remedy: 'Link the private DNS zone to the network.',
    run: (_config, { azure }) => {
      const names = azure?.network?.privateNames;
      if (names === undefined) return notChecked;
      return names.flatMap(({ name, address, linked }) => {
        if (!linked) return [{ message: `the zone of ${name} is not linked to the network` }];
        return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address)
          ? []
          : [{ message: `${name} resolves to ${address}` }];
      });
    },
  }),
];

export const generalChecks: readonly Check[] = [
  checkFor(['uid2-vn2'], {
    id: 'CO-01',
    title: 'The quantities that cost money are known',
    severity: 'info',
    explanation: 'See the quantities of the deployment guide; whether requests or limits are billed is not documented.',
    remedy: 'Name the Kubernetes version and replicas to get exact quantities.',
    run: (config) =>
      config.operator.bundle === undefined
        ? [
            {
              message: 'without a bundle the quantities are those of the current release',
              path: ['operator', 'bundle'],
            },
          ]
        : [],
  }),
  check({
    id: 'JR-01',
    title: 'The journal belongs to this configuration',
    severity: 'warning',
    needs: ['files'],
    explanation: 'An unfinished run with another configuration may have left something half made.',
    remedy: 'Resume it with its configuration, or discard the journal.',
    run: (_config, { files }) => {
      const journal = files?.journal;
      if (journal === undefined) return notChecked;
      return findings(
        journal.otherConfig && 'the journal was written with another configuration',
        journal.unfinished !== undefined && `the deployment ${journal.unfinished} is not finished`,
      );
    },
  }),
];
