import type { KataCcConfig } from '../config/kata-cc.ts';
import { toBase64, toUtf8 } from '@holdfast/base';
import type { KubernetesObject } from './object.ts';

const ENDORSEMENTS = '/opt/confidential-containers/share/kata-containers/reference-info-base64';
const CONSUMER = 'kafka-golang-consumer';
/** Where the runtime of confidential containers finds the policy of a pod. */
const POLICY_ANNOTATION = 'io.katacontainers.config.agent.policy';
const SIDECAR_SETTINGS =
  '{"certcache":{"endpoint_type":"LocalTHIM","endpoint":"169.254.169.254/metadata/THIM/amd/certification"}}';
const limits = { limits: { memory: '1Gi', cpu: '200m' } };

/** Namespace, and the service account that may act as the identity. */
export function kafkaNamespace(config: KataCcConfig, clientId: string): readonly KubernetesObject[] {
  const { namespace, serviceAccount } = config.kafka;
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: serviceAccount, namespace, annotations: { 'azure.workload.identity/client-id': clientId } },
    },
  ];
}

/** One broker with persistent storage, under the name that the consumer and the producer look for. */
export function kafkaCluster(config: KataCcConfig): readonly KubernetesObject[] {
  const storage = { type: 'persistent-claim', size: '100Gi', deleteClaim: false };
  return [
    {
      apiVersion: 'kafka.strimzi.io/v1beta2',
      kind: 'Kafka',
      metadata: { name: 'my-cluster', namespace: config.kafka.namespace },
      spec: {
        kafka: {
          replicas: 1,
          listeners: [
            { name: 'plain', port: 9092, type: 'internal', tls: false },
            { name: 'tls', port: 9093, type: 'internal', tls: true },
          ],
          config: {
            'offsets.topic.replication.factor': 1,
            'transaction.state.log.replication.factor': 1,
            'transaction.state.log.min.isr': 1,
            'default.replication.factor': 1,
            'min.insync.replicas': 1,
          },
          storage: { type: 'jbod', volumes: [{ id: 0, ...storage }] },
        },
        zookeeper: { replicas: 1, storage },
        entityOperator: { topicOperator: {}, userOperator: {} },
      },
    },
  ];
}

/** The confidential consumer with its sidecar, its Service, and the ordinary producer. */
export function kafkaPods(config: KataCcConfig, outside: KafkaSurroundings): readonly KubernetesObject[] {
  return [consumer(config, outside), consumerService(config), producer(config, outside.publicKey)];
}

/** What the pods are told of what is outside the cluster. */
export interface KafkaSurroundings {
  /** Host of the attestation service. */
  readonly attestation: string;
  /** Host of the vault or HSM. */
  readonly vault: string;
  /** What the producer encrypts to, in PEM. */
  readonly publicKey: string;
}

function consumer(config: KataCcConfig, hosts: KafkaSurroundings): KubernetesObject {
  const { namespace, serviceAccount, topic } = config.kafka;
  const { annotation } = config.policy;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: CONSUMER,
      namespace,
      labels: { 'azure.workload.identity/use': 'true', 'app.kubernetes.io/name': CONSUMER },
      ...(annotation === undefined ? {} : { annotations: { [POLICY_ANNOTATION]: annotation } }),
    },
    spec: {
      serviceAccountName: serviceAccount,
      runtimeClassName: 'kata-cc-isolation',
      containers: [
        {
          name: 'skr',
          image: config.sidecar.image,
          imagePullPolicy: 'Always',
          command: ['/bin/skr'],
          env: [{ name: 'SkrSideCarArgs', value: toBase64(toUtf8(SIDECAR_SETTINGS)) }],
          volumeMounts: [{ name: 'endor-loc', mountPath: ENDORSEMENTS }],
        },
        {
          name: CONSUMER,
          image: config.consumer.image,
          imagePullPolicy: 'Always',
          command: ['/consume'],
          env: [
            { name: 'SkrClientKID', value: config.vault.keyName },
            { name: 'SkrClientMAAEndpoint', value: hosts.attestation },
            { name: 'SkrClientAKVEndpoint', value: hosts.vault },
            { name: 'TOPIC', value: topic },
          ],
          ports: [{ name: 'kafka-consumer', containerPort: 3333 }],
          resources: limits,
        },
      ],
      volumes: [{ name: 'endor-loc', hostPath: { path: ENDORSEMENTS } }],
    },
  };
}

function consumerService(config: KataCcConfig): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'consumer', namespace: config.kafka.namespace },
    spec: {
      type: 'LoadBalancer',
      selector: { 'app.kubernetes.io/name': CONSUMER },
      ports: [{ protocol: 'TCP', port: 80, targetPort: 'kafka-consumer' }],
    },
  };
}

function producer(config: KataCcConfig, publicKey: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kafka-producer', namespace: config.kafka.namespace },
    spec: {
      containers: [
        {
          name: 'kafka-producer',
          image: config.producer.image,
          imagePullPolicy: 'Always',
          command: ['/produce'],
          env: [
            { name: 'TOPIC', value: config.kafka.topic },
            { name: 'MSG', value: config.producer.message },
            { name: 'PUBKEY', value: publicKey },
          ],
          resources: limits,
        },
      ],
    },
  };
}
