import { describe, expect, it } from 'vitest';

import { readPeerPod } from '../../src/peer-pod/pod-manifest.ts';

const POD = `apiVersion: v1
kind: Pod
metadata:
  name: reader
  namespace: team-red
  annotations:
    io.katacontainers.config.hypervisor.cc_init_data: H4sI
spec:
  runtimeClassName: kata-remote
  initContainers:
    - name: wait
      image: registry.example/wait:1
  containers:
    - name: app
      image: registry.example/app:1
      command: [serve]
      args: [--port, "80"]
      env:
        - { name: PLAIN, value: x }
        - name: PASSWORD
          valueFrom: { secretKeyRef: { name: database, key: password } }
        - name: MAYBE
          valueFrom: { secretKeyRef: { name: none, key: x, optional: true } }
        - name: NODE
          valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
      volumeMounts:
        - { name: files, mountPath: /etc/database/ }
  volumes:
    - name: files
      secret: { secretName: database }
`;
const SECRET = `---
apiVersion: v1
kind: Secret
metadata: { name: database }
data: { password: c2VhbGVkLmEuYi5j, binary: /w== }
stringData: { user: admin }
`;
const INVALID = expect.objectContaining({ code: 'PEER_POD_INVALID' });

describe('readPeerPod', () => {
  it('reads containers with the values of their Secrets, init containers first', () => {
    const pod = readPeerPod(POD + SECRET);
    expect(pod).toMatchObject({
      name: 'reader',
      namespace: 'team-red',
      annotation: 'H4sI',
      legacyAnnotation: undefined,
    });
    expect(pod.containers.map(({ name }) => name)).toEqual(['wait', 'app']);
    const app = pod.containers[1];
    expect(app?.command).toEqual(['serve', '--port', '80']);
    expect([...(app?.environment ?? [])]).toEqual([
      ['PLAIN', 'x'],
      ['PASSWORD', 'sealed.a.b.c'],
    ]);
    expect([...(app?.secretFiles ?? [])]).toEqual([
      ['/etc/database/password', 'sealed.a.b.c'],
      ['/etc/database/binary', ''],
      ['/etc/database/user', 'admin'],
    ]);
  });

  it('finds the pod in the template of a controller', () => {
    const template = POD.split('\n')
      .slice(2)
      .map((row) => `    ${row}`);
    const deployment = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec:\n  template:\n${template.join('\n')}\n`;
    expect(readPeerPod(deployment + SECRET)).toMatchObject({ name: 'web', annotation: 'H4sI' });
  });

  it('refuses a pod of another runtime class', () => {
    expect(() => readPeerPod(POD.replace('kata-remote', 'kata') + SECRET)).toThrow(INVALID);
  });

  it('refuses two peer pods', () => {
    expect(() => readPeerPod(`${POD}---\n${POD}${SECRET}`)).toThrow(INVALID);
  });

  it('refuses a Secret that is not there', () => {
    expect(() => readPeerPod(POD)).toThrow(
      expect.objectContaining({ code: 'PEER_POD_INVALID', message: expect.stringContaining('database') }),
    );
  });

  it('refuses a Secret that is no Base64, without showing it', () => {
    const secret = SECRET.replace('c2VhbGVkLmEuYi5j', 'hunter2!');
    expect(() => readPeerPod(POD + secret)).toThrow(INVALID);
    expect(() => readPeerPod(POD + secret)).not.toThrow(/hunter2/);
  });

  it('refuses a container without a name', () => {
    expect(() => readPeerPod(POD.replace('- name: wait', '- title: wait') + SECRET)).toThrow(INVALID);
  });
});
