import { placeholdersIn } from '../bundle/inspect-bundle.ts';
import type { Bundle } from '../bundle/read-bundle.ts';
import type { KataCcConfig } from '../config/kata-cc.ts';
import type { PrivateLinkConfig } from '../config/private-link.ts';
import type { DeploymentConfig } from '../config/profiles.ts';
import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import { kataNames } from '../graph/kata-cc.ts';
import type { Resolved } from '../graph/types.ts';
import { peerPodsSets } from '../peer-pods/settings-objects.ts';
import { uid2Names } from '../graph/uid2-vn2.ts';
import { kafkaCluster, kafkaNamespace, kafkaPods } from './kafka.ts';
import type { ManifestSet } from './object.ts';
import { bundleVersion, operatorObjects, operatorSkeleton } from './operator.ts';
import {
  attestationHostPlaceholder,
  identityClientIdPlaceholder,
  publicKeyPlaceholder,
  tenantPlaceholder,
} from './placeholders.ts';
import { virtualNodeObjects } from './virtual-node.ts';
import { pinnedChartVersion, virtualNodeValues } from './virtual-node-values.ts';
import { isPublishedVoteImage, voteApp, voteSecrets } from './vote.ts';

/** What is known about a deployment beyond its configuration. */
export interface ManifestInputs {
  /** The release; without one the operator's manifest keeps the placeholders of a release. */
  readonly bundle?: Bundle;
  /** Client id of the workload's identity, once it exists. */
  readonly identityClientId?: string;
  /** Host of the attestation provider, once it exists. */
  readonly attestationHost?: string;
  /** Public part of the consumer's key in PEM, once it exists. */
  readonly publicKey?: string;
}

/** Kubernetes objects of a configuration, in the order in which they are applied. */
export function manifestsOf(
  config: DeploymentConfig,
  resolved: Resolved,
  inputs: ManifestInputs = {},
): readonly ManifestSet[] {
  switch (config.profile) {
    case 'uid2-vn2':
      return uid2Sets(config, resolved, inputs);
    case 'kata-cc':
      return kataSets(config, resolved, inputs);
    case 'peer-pods':
      return peerPodsSets(config, resolved);
    default:
      return privateLinkSets(config, resolved, inputs);
  }
}

function uid2Sets(config: Uid2Vn2Config, resolved: Resolved, inputs: ManifestInputs): readonly ManifestSet[] {
  const names = uid2Names(config, resolved.subscriptionId);
  const bundle = inputs.bundle ?? operatorSkeleton();
  const objects = operatorObjects(bundle, config, names.identity);
  const pinned = config.virtualNode.chartVersion === pinnedChartVersion;
  return [
    set({
      id: 'R-VN',
      file: 's7-virtual-node.yaml',
      title: `Virtual node ${pinnedChartVersion}`,
      fieldManager: 'uid2-virtual-node',
      objects: virtualNodeObjects({ ...virtualNodeValues(config), chartVersion: pinnedChartVersion }),
      createOnly: ['Secret/virtual-node-admission-controller'],
      notes: [
        'Its service account is bound to cluster-admin, and its pods are privileged: so the virtual node is made.',
        'The Secret is written without data on purpose: the controller fills in its certificates. Never add empty ones.',
        ...(pinned
          ? []
          : [`The configured version ${config.virtualNode.chartVersion} is not built in; install it with helm.`]),
      ],
    }),
    set({
      id: 'R-OP',
      file: 's8-operator.yaml',
      title: `UID2 operator ${bundleVersion(bundle, config)}`,
      fieldManager: 'uid2-operator',
      objects,
      notes: leftOver(objects, 'name operator.bundle in the configuration'),
    }),
  ];
}

function kataSets(config: KataCcConfig, resolved: Resolved, inputs: ManifestInputs): readonly ManifestSet[] {
  const names = kataNames(config, resolved.subscriptionId);
  const { endpoint } = config.attestation;
  const attestation = typeof endpoint === 'string' ? endpoint : (inputs.attestationHost ?? attestationHostPlaceholder);
  const clientId = inputs.identityClientId ?? identityClientIdPlaceholder;
  const namespace = kafkaNamespace(config, clientId);
  const publicKey = config.producer.publicKey ?? inputs.publicKey ?? publicKeyPlaceholder;
  const pods = kafkaPods(config, { attestation, vault: names.vaultHost, publicKey });
  const fieldManager = 'holdfast-kafka';
  const { strimziVersion } = config.kafka;
  return [
    set({
      id: 'K-NS',
      file: 's7-1-namespace.yaml',
      title: 'Namespace and service account',
      fieldManager,
      objects: namespace,
      notes: leftOver(namespace, 'put in the client id of the identity (az identity show --query clientId)'),
    }),
    set({
      id: 'K-KAFKA',
      file: 's7-2-kafka.yaml',
      title: 'Kafka',
      fieldManager,
      objects: kafkaCluster(config),
      notes: [`Needs the Strimzi operator ${strimziVersion} in the namespace ${config.kafka.namespace} first.`],
    }),
    set({
      id: 'K-APP',
      file: 's8-kafka-pods.yaml',
      title: 'Consumer and producer',
      fieldManager,
      objects: pods,
      notes: [
        ...(config.policy.annotation === undefined
          ? ['The consumer needs its policy (holdfast policy generate --type kata): set policy.annotation.']
          : []),
        ...leftOver(
          pods,
          `put in ${publicKeyPlaceholder} once the key exists, and the host of the attestation provider`,
        ),
      ],
    }),
  ];
}

function privateLinkSets(
  config: PrivateLinkConfig,
  resolved: Resolved,
  inputs: ManifestInputs,
): readonly ManifestSet[] {
  const ids = {
    clientId: inputs.identityClientId ?? identityClientIdPlaceholder,
    tenantId: config.tenantId ?? resolved.tenantId ?? tenantPlaceholder,
  };
  const secrets = voteSecrets(config, ids);
  const fieldManager = 'holdfast-app';
  const tls =
    config.redis.nonSslPort || !isPublishedVoteImage(config.app.image)
      ? []
      : ['The sample image speaks to Redis without TLS on port 6379, which is closed: set redis.nonSslPort to try it.'];
  return [
    set({
      id: 'L-SPC',
      file: 's8-1-secrets.yaml',
      title: 'Service account and secrets',
      fieldManager,
      objects: secrets,
      notes: leftOver(secrets, 'put in the client id of the identity and the tenant id'),
    }),
    set({
      id: 'L-APP',
      file: 's8-2-app.yaml',
      title: 'Application',
      fieldManager,
      objects: voteApp(config),
      notes: tls,
    }),
  ];
}

function set(input: Omit<ManifestSet, 'createOnly'> & { readonly createOnly?: readonly string[] }): ManifestSet {
  return { createOnly: [], ...input };
}

function leftOver(objects: unknown, remedy: string): readonly string[] {
  const left = placeholdersIn(objects);
  return left.length === 0 ? [] : [`Not complete: holds ${left.join(', ')}; ${remedy}.`];
}
