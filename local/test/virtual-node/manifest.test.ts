import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseManifest } from '../../src/virtual-node/manifest.ts';

const MINIMAL = `apiVersion: apps/v1
kind: Deployment
metadata: { name: demo }
spec:
  template:
    spec:
      containers:
        - name: app
          image: example/app:1
`;

describe('parseManifest', () => {
  it('fills in what Kubernetes fills in', () => {
    const { replicas, annotations, containers, terminationGracePeriodSeconds } = parseManifest(MINIMAL);
    expect({ replicas, annotations, terminationGracePeriodSeconds }).toEqual({
      replicas: 1,
      annotations: {},
      terminationGracePeriodSeconds: 30,
    });
    expect(containers).toEqual([
      {
        name: 'app',
        image: 'example/app:1',
        declaration: { name: 'app', env: [], mounts: [], securityContext: {} },
        readinessProbe: undefined,
      },
    ]);
  });

  it('reads command, arguments, environment and probe of a container', () => {
    const [container] = parseManifest(`${MINIMAL}          command: [/bin/app]
          args: [--verbose]
          env:
            - { name: A, value: "1" }
            - { name: EMPTY }
          readinessProbe:
            httpGet: { path: /ready, port: 8080 }
            timeoutSeconds: 2
`).containers;
    expect(container?.declaration).toMatchObject({
      command: ['/bin/app'],
      args: ['--verbose'],
      env: [
        { name: 'A', value: '1' },
        { name: 'EMPTY', value: '' },
      ],
    });
    expect(container?.readinessProbe).toEqual({
      action: { kind: 'http', path: '/ready', port: 8080, scheme: 'HTTP' },
      initialDelaySeconds: 0,
      periodSeconds: 10,
      timeoutSeconds: 2,
      failureThreshold: 3,
      successThreshold: 1,
    });
  });

  it('takes user, privileges, working directory and mounts, those of the container before those of the pod', () => {
    const text = MINIMAL.replace(
      '    spec:\n      containers',
      '    spec:\n      securityContext: { runAsUser: 1, runAsGroup: 2 }\n      containers',
    );
    const [container] = parseManifest(`${text}          workingDir: /work
          securityContext: { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: [CAP_KILL] } }
          volumeMounts: [{ name: v, mountPath: /data }, { name: c, mountPath: /config, readOnly: true }]
          readinessProbe: { exec: { command: [/bin/true] } }
`).containers;
    expect(container?.declaration).toMatchObject({
      workingDir: '/work',
      securityContext: {
        runAsUser: 1000,
        runAsGroup: 2,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['CAP_KILL'] },
      },
    });
    expect(container?.declaration.mounts?.map(({ destination, options }) => [destination, options.at(-1)])).toEqual([
      ['/data', 'rw'],
      ['/config', 'ro'],
    ]);
    expect(container?.readinessProbe?.action).toEqual({ kind: 'exec', command: ['/bin/true'] });
  });

  it.each([
    ['{}', '', 'node'],
    ['{ microsoft.containerinstance.virtualnode.injectdns: "false" }', '', 'container-group'],
    ['{}', 'kata-cc-isolation', 'kata'],
    ['{ microsoft.containerinstance.virtualnode.ccepolicy: YQ== }', 'kata-cc', 'kata'],
    ['{}', 'runc', 'node'],
  ])('a pod with annotations %s and runtime class "%s" runs in: %s', (annotations, className, runtime) => {
    const pod = parseManifest(`apiVersion: v1
kind: Pod
metadata: { name: demo, namespace: shop, annotations: ${annotations}, labels: { azure.workload.identity/use: 'true' } }
spec:
  restartPolicy: Never
  ${className === '' ? '' : `runtimeClassName: ${className}`}
  containers: [{ name: app, image: 'example/app:1' }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { yes: 'no' }
---
apiVersion: v1
kind: Service
metadata: { name: s }
`);
    expect(pod).toMatchObject({
      kind: 'Pod',
      name: 'demo',
      namespace: 'shop',
      replicas: 1,
      restartPolicy: 'Never',
      workloadIdentity: true,
      runtime,
    });
    const kinds = pod.resources.split('\n---\n').map((text) => (JSON.parse(text) as { kind: string }).kind);
    expect(kinds).toEqual(['Pod', 'ConfigMap']);
  });

  it('leaves other documents of the stream alone', () => {
    expect(parseManifest(`${MINIMAL}---\napiVersion: v1\nkind: Service\nmetadata: { name: s }\n`).name).toBe('demo');
  });

  it.each([
    ['no YAML', 'a: [1', /./],
    ['no Deployment', 'kind: Service\n', /0 Deployments/],
    ['two Deployments', `${MINIMAL}---\n${MINIMAL}`, /2 Deployments/],
    ['no containers', MINIMAL.replace(/containers:[\s\S]*/, 'containers: []\n'), /containers/],
    ['a Pod beside the Deployment', `${MINIMAL}---\napiVersion: v1\nkind: Pod\n`, /2 Deployments and Pods/],
    ['init containers', MINIMAL.replace('containers:', 'initContainers: [{}]\n      containers:'), /init containers/],
    [
      'a restart policy that Deployments cannot have',
      MINIMAL.replace('containers:', 'restartPolicy: Never\n      containers:'),
      /restartPolicy/,
    ],
    ['a value that is no text', `${MINIMAL}          env: [{ name: A, value: 1 }]\n`, /env\.0\.value/],
    ['a name with a path in it', MINIMAL.replace('name: app', 'name: ../app'), /name/],
  ])('refuses a manifest with %s', (_what, text, message) => {
    expect(() => parseManifest(text)).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('lets only its own error escape from arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        let outcome: unknown;
        try {
          outcome = parseManifest(text);
        } catch (error) {
          outcome = error;
        }
        expect(outcome).toMatchObject({ code: 'MANIFEST_INVALID' });
      }),
    );
  });
});
