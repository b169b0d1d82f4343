import { describe, expect, it } from 'vitest';

import type { PodObject } from '../../../src/kubernetes/controllers/objects.ts';
import { podTemplate } from '../../../src/kubernetes/kubelet/pod-template.ts';
import type { PodSources } from '../../../src/kubernetes/kubelet/pod-template.ts';

const sources: PodSources = {
  configMap: (name) => (name === 'words' ? { greeting: 'hello', other: 'x' } : undefined),
  secret: (name) => (name === 'keys' ? { key: Buffer.from('s3cret').toString('base64') } : undefined),
  podIp: '127.80.1.4',
  hostIp: '127.80.1.1',
};

function pod(container: Readonly<Record<string, unknown>>, spec: Readonly<Record<string, unknown>> = {}): PodObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'demo', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'app', image: 'script:1', ...container }], nodeName: 'n1', ...spec },
  };
}

function environment(container: Readonly<Record<string, unknown>>): unknown {
  const result = podTemplate(pod(container), sources, ['node']);
  return 'problem' in result ? result : result.template.containers[0]?.declaration.env;
}

const from = (valueFrom: unknown): Readonly<Record<string, unknown>> => ({ env: [{ name: 'X', valueFrom }] });

describe('podTemplate', () => {
  it.each([
    [{ fieldRef: { fieldPath: 'status.podIP' } }, '127.80.1.4'],
    [{ fieldRef: { fieldPath: 'status.hostIP' } }, '127.80.1.1'],
    [{ fieldRef: { fieldPath: 'spec.nodeName' } }, 'n1'],
    [{ fieldRef: { fieldPath: "metadata.labels['app']" } }, 'web'],
    [{ resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } }, '0'],
    [{ configMapKeyRef: { name: 'words', key: 'greeting' } }, 'hello'],
    [{ secretKeyRef: { name: 'keys', key: 'key' } }, 's3cret'],
  ])('takes the value of a variable from %j', (valueFrom, value) => {
    expect(environment(from(valueFrom))).toEqual([{ name: 'X', value }]);
  });

  it('leaves out a variable whose optional source is not there', () => {
    expect(environment(from({ secretKeyRef: { name: 'none', key: 'k', optional: true } }))).toEqual([]);
  });

  it.each([
    [{ configMapKeyRef: { name: 'none', key: 'k' } }, 'configmap "none" not found'],
    [{ secretKeyRef: { name: 'keys', key: 'k' } }, "couldn't find key k in Secret default/keys"],
  ])('says which source is missing for %j', (valueFrom, message) => {
    expect(environment(from(valueFrom))).toEqual({ problem: { container: 'app', message } });
  });

  it('takes all variables of a ConfigMap, and lets the list of the container count more', () => {
    const envFrom = [{ configMapRef: { name: 'words' }, prefix: 'W_' }];
    expect(environment({ envFrom, env: [{ name: 'W_other', value: 'mine' }] })).toEqual([
      { name: 'W_greeting', value: 'hello' },
      { name: 'W_other', value: 'mine' },
    ]);
  });

  it('finds the port of a probe by its name', () => {
    const ports = [{ name: 'http', containerPort: 8080 }];
    const result = podTemplate(pod({ ports, readinessProbe: { httpGet: { port: 'http' } } }), sources, ['node']);
    expect(result).toMatchObject({ template: { containers: [{ readinessProbe: { action: { port: 8080 } } }] } });
  });

  it('runs a pod as an ordinary one on a node that has not the kind of guest it asks for', () => {
    const asked = pod({}, { runtimeClassName: 'kata-cc-isolation' });
    expect(podTemplate(asked, sources, ['container-group', 'node'])).toMatchObject({ template: { runtime: 'node' } });
    expect(podTemplate(asked, sources, ['kata', 'node'])).toMatchObject({ template: { runtime: 'kata' } });
  });
});
