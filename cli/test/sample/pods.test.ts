import { fromBase64, fromUtf8 } from '@holdfast/base';
import { KATA_POLICY_ANNOTATION } from '@holdfast/local';
import { describe, expect, it } from 'vitest';

import {
  asOrdinaryPod,
  consumerPod,
  policyDigest,
  producerPod,
  programFor,
  withPolicy,
} from '../../src/sample/pods.ts';

const SETTINGS = {
  brokers: '127.0.0.1:9092',
  topic: 'orders',
  keyName: 'demo',
  attestationHost: '127.0.0.1:8445',
  vaultHost: '127.0.0.1:8444',
  sidecarPort: 9000,
  pagePort: 3333,
};

describe('the pods of the Kafka sample', () => {
  it('have a policy whose digest depends on every variable of the consumer', async () => {
    const { policy } = await consumerPod(SETTINGS);
    expect(policyDigest(policy)).toBe(policyDigest((await consumerPod(SETTINGS)).policy));
    for (const change of [{ brokers: 'other:1' }, { keyName: 'other' }, { vaultHost: 'other' }, { sidecarPort: 1 }]) {
      expect(policyDigest((await consumerPod({ ...SETTINGS, ...change })).policy)).not.toBe(policyDigest(policy));
    }
  });

  it('carry the policy in the annotation of Kata', async () => {
    const { manifest, policy } = await consumerPod(SETTINGS);
    const annotation = withPolicy(manifest, policy).annotations[KATA_POLICY_ANNOTATION] ?? '';
    expect(fromUtf8(fromBase64(annotation))).toBe(policy);
  });

  it('the ordinary pod has neither guest nor policy nor sidecar', async () => {
    const { manifest, policy } = await consumerPod(SETTINGS);
    const ordinary = asOrdinaryPod(withPolicy(manifest, policy));
    expect([ordinary.confidential, ordinary.annotations, ordinary.containers.map(({ name }) => name)]).toEqual([
      false,
      {},
      ['kafka-golang-consumer'],
    ]);
  });

  it('have a program for every image and command of the manifests, and for no other', async () => {
    const program = programFor(['holdfast', 'serve']);
    const { manifest } = await consumerPod(SETTINGS);
    const producer = await producerPod({ brokers: 'a:1', topic: 't', message: 'm', publicKeyPem: 'p', more: {} });
    const services = [...manifest.containers, ...producer.containers].map(
      ({ image, command }) => program(image, command)?.[2],
    );
    expect(services).toEqual(['skr', 'encrypted-kafka-consumer', 'encrypted-kafka-producer']);
    expect(program('mcr.microsoft.com/aci/skr:2.7', ['/bin/sh'])).toBeUndefined();
  });
});
