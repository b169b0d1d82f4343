import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ClusterObject } from '../../../src/kubernetes/api/index.ts';
import { deployment, hasKubectl, shows, startClusterServer } from './cluster-server.ts';
import type { ClusterServer } from './cluster-server.ts';

const POD = { apiVersion: 'v1', kind: 'Pod' };
const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: azureidentities.aadpodidentity.k8s.io }
spec:
  group: aadpodidentity.k8s.io
  names: { kind: AzureIdentity, plural: azureidentities }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      additionalPrinterColumns:
        - { name: Type, type: integer, jsonPath: .spec.type }
        - { name: ClientID, type: string, jsonPath: .spec.clientID }
        - { name: Age, type: date, jsonPath: .metadata.creationTimestamp }
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                type: { type: integer, default: 0, enum: [0, 1, 2] }
                clientID: { type: string }
`;
const IDENTITY = `
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentity
metadata: { name: azure-vote }
spec: { clientID: one }
`;

function podText(name: string, namespace = 'default'): string {
  return JSON.stringify({
    ...POD,
    metadata: { name, namespace, labels: { app: name } },
    spec: { nodeName: 'virtualnode-0', containers: [{ name: 'web', image: 'example/web:1' }] },
  });
}

describe.skipIf(!hasKubectl)('acceptance 16, addition 13: kubectl, unmodified, over TLS', { timeout: 60_000 }, () => {
  let cluster: ClusterServer;
  const ok = async (args: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args.split(' '), input);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: expect.any(String) });
    return stdout;
  };
  const refused = async (args: string, input?: string): Promise<string> => {
    const { code, stderr } = await cluster.kubectl(args.split(' '), input);
    expect(code).not.toBe(0);
    return stderr;
  };
  const run = (pod: ClusterObject): void => {
    const containerStatuses = [{ name: 'web', ready: true, restartCount: 0, state: { running: {} } }];
    const status = { phase: 'Running', podIP: '10.2.0.4', containerStatuses };
    cluster.store.update({ ...pod, status }, { subresource: 'status', fieldManager: 'kubelet' });
  };

  beforeAll(async () => {
    cluster = await startClusterServer({ issueToken: async () => ({ token: 'a.b.c', expiresAt: Date.now() }) });
  });
  afterAll(async () => cluster.stop());

  it('applies client side: created, unchanged, then only what changed', async () => {
    const file = JSON.stringify(deployment('client-side'));
    expect(await ok('apply -f -', file)).toBe('deployment.apps/client-side created\n');
    expect(await ok('apply -f -', file)).toBe('deployment.apps/client-side unchanged\n');
    expect((await cluster.kubectl(['diff', '-f', '-'], file)).code).toBe(0);
    const changed = JSON.stringify(deployment('client-side', 'example/web:2'));
    const difference = await cluster.kubectl(['diff', '-f', '-'], changed);
    expect(difference.code).toBe(1);
    expect(difference.stdout).toContain('+      - image: example/web:2');
    expect(await ok('apply -f -', changed)).toBe('deployment.apps/client-side configured\n');
    expect(await ok('get deployment client-side -o jsonpath={.spec.template.spec.containers[0].image}')).toBe(
      'example/web:2',
    );
  });

  it('applies on the server side, names conflicts, and takes over by force', async () => {
    const apply = 'apply --server-side -f -';
    expect(await ok(apply, JSON.stringify(deployment('server-side')))).toContain('serverside-applied');
    const other = JSON.stringify(deployment('server-side', 'example/web:9'));
    const text = await refused(`${apply} --field-manager=other`, other);
    expect(text).toContain(
      'Apply failed with 1 conflict: conflict with "kubectl": .spec.template.spec.containers[name="web"].image',
    );
    await ok(`${apply} --field-manager=other --force-conflicts`, other);
    expect(await refused(apply, JSON.stringify(deployment('server-side')))).toContain('conflict with "other"');
    expect((await cluster.kubectl(['diff', '--server-side', '--field-manager=other', '-f', '-'], other)).code).toBe(0);
  });

  it('goes over from client-side to server-side apply without a conflict', async () => {
    await ok('apply -f -', JSON.stringify(deployment('migrates')));
    await ok('apply --server-side -f -', JSON.stringify(deployment('migrates', 'example/web:2')));
    const managers = await ok(
      'get deployment migrates --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}',
    );
    // kubectl itself keeps the annotation of before under a manager of its own.
    expect(managers.split(' ').toSorted()).toEqual(['kubectl', 'kubectl-last-applied']);
  });

  it('refuses a misspelled field by name', async () => {
    const file = JSON.stringify(deployment('typo')).replace('replicas', 'replicsa');
    expect(await refused('apply -f -', file)).toContain('unknown field "spec.replicsa"');
    expect(await refused('apply --server-side -f -', file)).toContain('.spec.replicsa: field not declared in schema');
  });

  it('shows a load balancer with its address, and pods and nodes as tables', async () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'consumer' } };
    await ok('create namespace kafka');
    const spec = { type: 'LoadBalancer', selector: { app: 'consumer' }, ports: [{ port: 80, targetPort: 3333 }] };
    await ok('apply -n kafka -f -', JSON.stringify({ ...service, spec }));
    expect(await ok('get svc consumer -n kafka')).toMatch(
      /EXTERNAL-IP +PORT\(S\) +AGE\nconsumer +LoadBalancer +10\.0\.\d+\.\d+ +<pending> +80:3\d{4}\/TCP/,
    );
    const namespaced = { ...service, metadata: { name: 'consumer', namespace: 'kafka' } };
    cluster.store.update(
      { ...namespaced, status: { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } } },
      { subresource: 'status' },
    );
    expect(await ok('get svc consumer -n kafka')).toMatch(/consumer +LoadBalancer +10\.0\.\d+\.\d+ +127\.0\.0\.1 /);
    const status = { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1.32.4' } };
    cluster.store.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'virtualnode-0' }, status });
    expect(await ok('get nodes')).toMatch(/virtualnode-0 +Ready +<none> +\d+s +v1\.32\.4/);
    await ok('create -f -', podText('tables', 'kafka'));
    expect(await refused('create -f -', podText('tables', 'kafka'))).toContain('AlreadyExists');
    expect(await ok('get pod,svc -l app=tables -n kafka -o wide')).toMatch(
      /pod\/tables +0\/1 +Pending +0 +\d+s +<none> +virtualnode-0/,
    );
    expect(await ok('get pods -A')).toMatch(/NAMESPACE +NAME +READY[^\n]*\nkafka +tables/);
    expect(await ok('get pod tables -n kafka -o json')).toContain('"kind": "Pod"');
    expect(await ok('get pod tables -n kafka -o yaml')).toContain('kind: Pod');
  });

  it('shows events, and describes a pod with them', async () => {
    await ok('create -f -', podText('described'));
    const pod = cluster.store.get({ ...POD, name: 'described' });
    cluster.store.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'described.1', namespace: 'default' },
      involvedObject: { ...POD, name: 'described', namespace: 'default', uid: pod?.metadata.uid },
      type: 'Warning',
      reason: 'PolicyDenied',
      message: 'the policy does not allow this container',
    });
    expect(await ok('get events')).toMatch(
      /Warning +PolicyDenied +pod\/described +the policy does not allow this container/,
    );
    expect(await ok('describe pod described')).toMatch(
      /Node: +virtualnode-0\/[\s\S]*PolicyDenied[\s\S]*does not allow/,
    );
  });

  it('reads logs: all, the last lines, followed; and says why there are none', async () => {
    await ok('create -f -', podText('logged'));
    expect(await refused('logs logged')).toContain('is waiting to start: ContainerCreating');
    const pod = cluster.store.get({ ...POD, name: 'logged' });
    if (pod !== undefined) run(pod);
    expect(await ok('logs logged')).toBe('web one\nweb two\nweb three\n');
    expect(await ok('logs logged --tail=1 -c web')).toBe('web three\n');
    expect(await refused('logs logged --previous')).toContain(
      'previous terminated container "web" in pod "logged" not found',
    );
    expect(await refused('logs logged -c nothing')).toContain('container nothing is not valid for pod logged');
    const follow = cluster.start(['logs', '-f', 'logged']);
    await shows(follow, 'web three');
    follow.kill();
    expect(await ok('get --raw /api/v1/namespaces/default/pods/logged:8080/proxy/ops/healthcheck')).toBe(
      'GET /ops/healthcheck of logged:8080',
    );
  });

  it('waits with delete until the kubelet has removed the pod, and shows Terminating meanwhile', async () => {
    await ok('create -f -', podText('deleted'));
    const watch = cluster.start(['get', 'pods', '-w', '--field-selector=metadata.name=deleted']);
    await shows(watch, 'deleted');
    const terminating = shows(watch, 'Terminating');
    const deletion = ok('delete pod deleted');
    await terminating;
    watch.kill();
    cluster.store.remove({ ...POD, name: 'deleted' }, { gracePeriodSeconds: 0 });
    expect(await deletion).toBe('pod "deleted" deleted\n');
  });

  it('takes custom resources: definition, table, defaults, validation, merge patch', async () => {
    expect(await refused('apply -f -', IDENTITY)).toContain('no matches for kind "AzureIdentity"');
    await ok('apply -f -', DEFINITION);
    await ok('wait --for=condition=established crd/azureidentities.aadpodidentity.k8s.io --timeout=5s');
    await ok('apply -f -', IDENTITY);
    expect(await ok('get AzureIdentity -n default')).toMatch(/NAME +TYPE +CLIENTID +AGE\nazure-vote +0 +one +\d+s/);
    await ok('apply -f -', IDENTITY.replace('one', 'two'));
    expect(await ok('get azureidentity azure-vote -o jsonpath={.spec.clientID}')).toBe('two');
    expect(await refused('apply -f -', IDENTITY.replace('{ clientID: one }', '{ type: 7 }'))).toContain(
      'Unsupported value: 7',
    );
  });

  it('scales, patches, labels, annotates and follows a rollout', async () => {
    await ok('apply -f -', JSON.stringify(deployment('rolls')));
    await ok('scale deployment/rolls --replicas=1');
    expect(await ok('get deployment rolls -o jsonpath={.spec.replicas}')).toBe('1');
    const patch = '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"example/web:3"}]}}}}';
    await ok(`patch deployment rolls -p ${patch}`);
    await ok('patch deployment rolls --type=json -p [{"op":"replace","path":"/spec/replicas","value":3}]');
    await ok('label deployment rolls tier=front');
    await ok('annotate deployment rolls holdfast.test/note=yes');
    const live = cluster.store.get({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'rolls' });
    expect(live).toMatchObject({
      metadata: { labels: { tier: 'front' }, annotations: { 'holdfast.test/note': 'yes' } },
      spec: { replicas: 3, template: { spec: { containers: [{ name: 'web', image: 'example/web:3' }] } } },
    });
    const rollout = cluster.start(['rollout', 'status', 'deployment/rolls']);
    const done = shows(rollout, 'successfully rolled out');
    await shows(rollout, 'Waiting for deployment');
    if (live === undefined) return;
    const counts = { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
    const status = { observedGeneration: live.metadata.generation, ...counts };
    cluster.store.update({ ...live, status }, { subresource: 'status' });
    await done;
  });

  it('knows who asks, what there is, and makes tokens', async () => {
    expect(await ok('auth whoami')).toContain('administrator');
    expect(await ok('auth can-i create pods')).toBe('yes\n');
    expect(await ok('api-resources')).toMatch(/deployments +deploy +apps\/v1 +true +Deployment/);
    expect(await ok('explain deployment.spec.replicas')).toContain('FIELD: replicas <integer>');
    await ok('create serviceaccount worker');
    expect(await ok('create token worker')).toBe('a.b.c');
    await ok('create configmap settings --from-literal=a=b');
    await ok('create secret generic hidden --from-literal=a=b');
    expect(await ok('get secret hidden -o jsonpath={.data.a}')).toBe('Yg==');
    expect(await ok('version')).toContain('Server Version: v1.32.4');
  });
});
