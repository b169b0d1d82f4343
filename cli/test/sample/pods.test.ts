import { fromBase64, fromUtf8 } from '@holdfast/base';
import { KATA_POLICY_ANNOTATION, kafkaSampleImages } from '@holdfast/local';
import { createKataEnforcer, parseKataPolicy } from '@holdfast/policy';
import type { ImageFacts } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';

import {
  asOrdinaryPod,
  consumerPod,
  loosenedPolicy,
  policyDigest,
  producerPod,
  withPolicy,
} from '../../src/sample/pods.ts';
import type { PodContainer } from '../../src/sample/pods.ts';
import { tamperedRun } from '../../src/sample/tampering.ts';

const SETTINGS = {
  brokers: '127.0.0.1:9092',
  topic: 'orders',
  keyName: 'demo',
  attestationHost: '127.0.0.1:8445',
  vaultHost: '127.0.0.1:8444',
  sidecarPort: 9000,
  pagePort: 3333,
};

const IMAGES = kafkaSampleImages.map(({ reference, config }): ImageFacts => {
  const digest = `sha256:${'1'.repeat(64)}`;
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 1, diffId: digest };
  const platform = { os: 'linux', architecture: 'amd64' };
  return {
    reference,
    manifestDigest: digest,
    platform,
    config,
    layers: [{ ...layer, rootHashTarfs: '2'.repeat(64) }],
  };
});

describe('the pods of the Kafka sample', () => {
  it('have a policy whose digest depends on every variable of the consumer and on its images', async () => {
    const { policy } = await consumerPod(SETTINGS, IMAGES);
    const digest = async (settings: typeof SETTINGS, images: readonly ImageFacts[]): Promise<string> =>
      policyDigest((await consumerPod(settings, images)).policy);
    expect(await digest(SETTINGS, IMAGES)).toBe(policyDigest(policy));
    for (const change of [{ brokers: 'other:1' }, { keyName: 'other' }, { vaultHost: 'other' }, { sidecarPort: 1 }]) {
      expect(await digest({ ...SETTINGS, ...change }, IMAGES)).not.toBe(policyDigest(policy));
    }
    const updated = IMAGES.map((image) => ({
      ...image,
      layers: image.layers.map((layer) => ({ ...layer, rootHashTarfs: '3'.repeat(64) })),
    }));
    expect(await digest(SETTINGS, updated)).not.toBe(policyDigest(policy));
  });

  it('carry the policy in the annotation of Kata', async () => {
    const { pod, policy } = await consumerPod(SETTINGS, IMAGES);
    const annotation = withPolicy(pod, policy).metadata.annotations?.[KATA_POLICY_ANNOTATION] ?? '';
    expect(fromUtf8(fromBase64(annotation))).toBe(policy);
    const names = parseKataPolicy(policy).policyData.containers.map(
      ({ OCI }) => OCI.Annotations?.['io.kubernetes.cri.container-name'],
    );
    expect(names).toEqual([undefined, 'skr', 'kafka-golang-consumer']);
  });

  it('a tampered policy is still a policy, and admits a shell', async () => {
    const { policy } = await consumerPod(SETTINGS, IMAGES);
    const shell = (text: string): boolean => {
      const { Process } = parseKataPolicy(text).policyData.containers[1]?.OCI ?? {};
      const process = { ...Process, Args: ['/bin/sh'], Capabilities: null, Env: [] };
      return createKataEnforcer(text).enforce({ type: 'ExecProcessRequest', input: { process } }).allowed;
    };
    expect([shell(policy), shell(loosenedPolicy(policy))]).toEqual([false, true]);
  });

  it('the ordinary pod has neither guest nor policy nor sidecar', async () => {
    const { pod, policy } = await consumerPod(SETTINGS, IMAGES);
    const { metadata, spec } = asOrdinaryPod(withPolicy(pod, policy));
    expect([spec.runtimeClassName, metadata.annotations, spec.containers.map(({ name }) => name)]).toEqual([
      undefined,
      undefined,
      ['kafka-golang-consumer'],
    ]);
  });

  it('name images and commands that are built from this repository', async () => {
    const { pod } = await consumerPod(SETTINGS, IMAGES);
    const producer = await producerPod({ brokers: 'a:1', topic: 't', message: 'm', publicKeyPem: 'p', more: {} });
    const named = [...pod.spec.containers, ...producer.spec.containers] as (PodContainer & { command: unknown })[];
    expect(named.map(({ image, command }) => [image, command])).toEqual(
      kafkaSampleImages.map(({ reference, config }) => [reference, config.Entrypoint]),
    );
  });

  it.each(['command', 'variable'] as const)('a tampered %s leaves the policy as it is', async (what) => {
    const { pod, policy } = await consumerPod(SETTINGS, IMAGES);
    const run = await tamperedRun(what, { pod, images: [] }, policy, '/nowhere');
    expect(run.pod.metadata.annotations).toEqual(withPolicy(pod, policy).metadata.annotations);
    expect(run.pod.spec.containers[0]).toEqual(pod.spec.containers[0]);
    expect(run.pod.spec.containers[1]).not.toEqual(pod.spec.containers[1]);
  });

  it('the producer gets the public key and the message', async () => {
    const pod = await producerPod({ brokers: 'a:1', topic: 't', message: 'm', publicKeyPem: 'p', more: { RATE: '1' } });
    const variables = Object.fromEntries(pod.spec.containers[0]?.env.map(({ name, value }) => [name, value]) ?? []);
    expect(variables).toEqual({ TOPIC: 't', MSG: 'm', PUBKEY: 'p', BROKERS: 'a:1', RATE: '1' });
  });
});
