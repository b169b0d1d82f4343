import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { toBase64, toUtf8 } from '@holdfast/base';
import { manifests } from '@holdfast/encrypted-kafka';
import { KATA_POLICY_ANNOTATION, parsePodManifest } from '@holdfast/local';
import type { PodContainer, PodManifest } from '@holdfast/local';

const SKR = 'skr';
const CONSUMER = 'kafka-golang-consumer';

/** The program that stands in for an image of the published manifests. */
export function programFor(
  serve: readonly string[],
): (image: string, command: readonly string[]) => readonly string[] | undefined {
  const services: Readonly<Record<string, string>> = {
    'mcr.microsoft.com/aci/skr:2.7 /bin/skr': 'skr',
    'mcr.microsoft.com/acc/samples/kafka/consumer:1.0 /consume': 'encrypted-kafka-consumer',
    'mcr.microsoft.com/acc/samples/kafka/producer:1.0 /produce': 'encrypted-kafka-producer',
  };
  return (image, command) => {
    const service = services[[image, ...command].join(' ')];
    return service === undefined ? undefined : [...serve, service, '--until-stdin-closes'];
  };
}

export interface ConsumerPodSettings {
  readonly brokers: string;
  readonly topic: string;
  readonly keyName: string;
  readonly attestationHost: string;
  readonly vaultHost: string;
  readonly sidecarPort: number;
  readonly pagePort: number;
}

/** The consumer's pod of the guide, with the addresses of this machine, and the policy that measures it. */
export async function consumerPod(settings: ConsumerPodSettings): Promise<{
  readonly manifest: PodManifest;
  /** Text of the policy; the SHA-256 of it is the HOST_DATA of the pod's guest. */
  readonly policy: string;
}> {
  const published = parsePodManifest(await readFile(manifests.consumer, 'utf8'));
  const sidecar = { Port: String(settings.sidecarPort) };
  const consumer = {
    SkrClientKID: settings.keyName,
    SkrClientMAAEndpoint: settings.attestationHost,
    SkrClientAKVEndpoint: settings.vaultHost,
    TOPIC: settings.topic,
    BROKERS: settings.brokers,
    sidecar_url: `http://127.0.0.1:${settings.sidecarPort}`,
    host: '127.0.0.1',
    port: String(settings.pagePort),
  };
  const manifest = {
    ...published,
    containers: published.containers.map((container) =>
      withVariables(container, container.name === SKR ? sidecar : consumer),
    ),
  };
  return { manifest, policy: createPolicy(manifest) };
}

/** The pod with a policy in its annotation. */
export function withPolicy(manifest: PodManifest, policy: string): PodManifest {
  const annotations = { ...manifest.annotations, [KATA_POLICY_ANNOTATION]: toBase64(toUtf8(policy)) };
  return { ...manifest, annotations };
}

/** The guide's counter-example: neither a confidential runtime class, nor a policy, nor the sidecar. */
export function asOrdinaryPod(manifest: PodManifest): PodManifest {
  return {
    ...manifest,
    confidential: false,
    annotations: {},
    containers: manifest.containers.filter(({ name }) => name === CONSUMER),
  };
}

export interface ProducerPodSettings {
  readonly brokers: string;
  readonly topic: string;
  readonly message: string;
  readonly publicKeyPem: string;
  readonly more: Readonly<Record<string, string>>;
}

/** The producer's pod of the guide, with the addresses of this machine. */
export async function producerPod(settings: ProducerPodSettings): Promise<PodManifest> {
  const published = parsePodManifest(await readFile(manifests.producer, 'utf8'));
  const { brokers, topic, message, publicKeyPem, more } = settings;
  const variables = { TOPIC: topic, MSG: message, PUBKEY: publicKeyPem, BROKERS: brokers, ...more };
  return { ...published, containers: published.containers.map((container) => withVariables(container, variables)) };
}

/** SHA-256 of a policy's text in lower-case hex: what a release policy names. */
export function policyDigest(policy: string): string {
  return createHash('sha256').update(policy, 'utf8').digest('hex');
}

function withVariables(container: PodContainer, variables: Readonly<Record<string, string>>): PodContainer {
  return { ...container, environment: { ...container.environment, ...variables } };
}

/**
 * A policy in the shape of the Kata agent's: what the pod consists of, as data, under rules that refuse everything else. On
 * this machine it is measured and not enforced; on AKS, `az confcom katapolicygen` writes the enforceable one.
 */
function createPolicy(manifest: PodManifest): string {
  const containers = manifest.containers.map(({ name, image, command, environment }) => ({
    name,
    image,
    command,
    environment: Object.entries(environment).map(([variable, value]) => `${variable}=${value}`),
  }));
  return [
    'package agent_policy',
    '',
    'default CreateContainerRequest := false',
    'default ExecProcessRequest := false',
    'default ReadStreamRequest := false',
    '',
    `policy_data := ${JSON.stringify({ pod: manifest.name, containers }, undefined, 2)}`,
    '',
  ].join('\n');
}
