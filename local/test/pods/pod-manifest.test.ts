import { describe, expect, it } from 'vitest';

import { parsePodManifest } from '../../src/pods/pod-manifest.ts';

const POD = `
apiVersion: v1
kind: Pod
metadata: { name: one, annotations: { io.katacontainers.config.agent.policy: cG9saWN5 } }
spec:
  runtimeClassName: kata-cc-isolation
  containers:
    - { name: a, image: registry/a:1, command: [/run], args: [fast], env: [{ name: X, value: '1' }, { name: EMPTY }] }
    - { name: b, image: registry/b:1 }
---
apiVersion: v1
kind: Service
metadata: { name: one }
`;

describe('parsePodManifest', () => {
  it('answers the one pod of a stream', () => {
    expect(parsePodManifest(POD)).toEqual({
      name: 'one',
      confidential: true,
      annotations: { 'io.katacontainers.config.agent.policy': 'cG9saWN5' },
      containers: [
        { name: 'a', image: 'registry/a:1', command: ['/run', 'fast'], environment: { X: '1', EMPTY: '' } },
        { name: 'b', image: 'registry/b:1', command: [], environment: {} },
      ],
    });
  });

  it('without the runtime class is an ordinary pod', () => {
    expect(parsePodManifest(POD.replace(/ {2}runtimeClassName.*\n/, '')).confidential).toBe(false);
  });

  it.each([
    ['', 'it holds 0 Pods'],
    [`${POD}---\n${POD}`, 'it holds 2 Pods'],
    ['a: [', 'the manifest of the pod cannot be used'],
    [POD.replace('name: one, annotations', 'name: ../one, annotations'), 'metadata.name'],
    [POD.replace('name: b', 'name: ../b'), 'spec.containers.1.name'],
  ])('refuses %j', (text, words) => {
    expect(() => parsePodManifest(text)).toThrow(
      expect.objectContaining({ code: 'POD_MANIFEST_INVALID', message: expect.stringContaining(words) as string }),
    );
  });
});
