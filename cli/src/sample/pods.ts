import { readFile } from 'node:fs/promises';

import { toBase64, toUtf8 } from '@holdfast/base';
import { manifests } from '@holdfast/encrypted-kafka';
import { generateKataPod, KATA_POLICY_ANNOTATION } from '@holdfast/local';
import { measureCceText, parseKataPolicy, readManifests, writeKataPolicy } from '@holdfast/policy';
import type { ImageFacts } from '@holdfast/policy';

const SKR = 'skr';
/** Name of the consumer's pod and of the container in it. */
export const CONSUMER = 'kafka-golang-consumer';

/** A Pod as far as this sample looks into it. */
export interface PodObject {
  readonly kind: 'Pod';
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly runtimeClassName?: string; readonly containers: readonly PodContainer[] };
}

export interface PodContainer {
  readonly name: string;
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
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

/** The consumer's pod of the guide, with the addresses of this machine, and the policy for it. */
export async function consumerPod(
  settings: ConsumerPodSettings,
  images: readonly ImageFacts[],
): Promise<{ readonly pod: PodObject; readonly policy: string }> {
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
  const pod = withVariables(await readPod(manifests.consumer), { [SKR]: sidecar, [CONSUMER]: consumer });
  const { policyText } = await generateKataPod(manifestOf(pod), images);
  return { pod, policy: policyText };
}

/** A manifest for the node. JSON is YAML. */
export function manifestOf(pod: PodObject): string {
  return JSON.stringify(pod, undefined, 2);
}

/** The pod with a policy in its annotation. */
export function withPolicy(pod: PodObject, policy: string): PodObject {
  const annotations = { ...pod.metadata.annotations, [KATA_POLICY_ANNOTATION]: toBase64(toUtf8(policy)) };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

/** The policy with one more thing allowed, as somebody with bad intentions would have it: a shell in the pod. */
export function loosenedPolicy(policy: string): string {
  const { rules, policyData } = parseKataPolicy(policy);
  const { request_defaults: requests } = policyData;
  const ExecProcessRequest = { ...requests.ExecProcessRequest, commands: ['/bin/sh'] };
  return writeKataPolicy(rules, { ...policyData, request_defaults: { ...requests, ExecProcessRequest } });
}

/** The guide's counter-example: neither a confidential runtime class, nor a policy, nor the sidecar. */
export function asOrdinaryPod({ kind, metadata, spec, ...rest }: PodObject): PodObject {
  const { annotations: _annotations, ...unannotated } = metadata;
  const { runtimeClassName: _class, containers, ...others } = spec;
  const consumer = containers.filter(({ name }) => name === CONSUMER);
  return { ...rest, kind, metadata: unannotated, spec: { ...others, containers: consumer } };
}

export interface ProducerPodSettings {
  readonly brokers: string;
  readonly topic: string;
  readonly message: string;
  readonly publicKeyPem: string;
  readonly more: Readonly<Record<string, string>>;
}

/** The producer's pod of the guide, with the addresses of this machine. */
export async function producerPod(settings: ProducerPodSettings): Promise<PodObject> {
  const { brokers, topic, message, publicKeyPem, more } = settings;
  const variables = { TOPIC: topic, MSG: message, PUBKEY: publicKeyPem, BROKERS: brokers, ...more };
  return withVariables(await readPod(manifests.producer), { 'kafka-producer': variables });
}

/** SHA-256 of a policy's text in lower-case hex: what a release policy names. */
export function policyDigest(policy: string): string {
  return measureCceText(policy).sha256;
}

/** The Pod of a published manifest. Its Service has nothing to do on one machine. */
async function readPod(file: URL): Promise<PodObject> {
  const pod = readManifests(await readFile(file)).documents.map(({ value }) => value as PodObject);
  const [found] = pod.filter(({ kind }) => kind === 'Pod');
  if (found === undefined) throw new RangeError('the published manifest has a Pod');
  return found;
}

/** Sets variables of containers, by the containers' names; those that are not there yet come last. */
export function withVariables(
  pod: PodObject,
  changes: Readonly<Record<string, Readonly<Record<string, string>>>>,
): PodObject {
  const containers = pod.spec.containers.map((container) => {
    const variables = new Map(container.env.map(({ name, value }) => [name, value]));
    for (const [name, value] of Object.entries(changes[container.name] ?? {})) variables.set(name, value);
    return { ...container, env: [...variables].map(([name, value]) => ({ name, value })) };
  });
  return { ...pod, spec: { ...pod.spec, containers } };
}
