import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

import {
  manifestsOf,
  manifestYaml,
  measuredFields,
  operatorObjects,
  placeholdersIn,
  versionSlug,
} from '../../src/index.ts';
import type { KubernetesObject } from '../../src/index.ts';
import { digestSetting, releaseOf } from '../bundle/release.ts';
import { configOf, resolved } from '../configs.ts';

const identity = '/subscriptions/s/identity';
const one = (objects: readonly KubernetesObject[], kind: string, name?: string): KubernetesObject => {
  const found = objects.find((object) => object.kind === kind && (name === undefined || object.metadata.name === name));
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
};

describe('acceptance 14: the manifest of the operator', () => {
  const config = configOf('uid2-vn2', digestSetting());
  const release = releaseOf();
  const objects = operatorObjects(release, config, identity);
  const deployment = one(objects, 'Deployment');

  it('changes nothing that its policy measures', () => {
    expect(measuredFields(deployment)).toEqual(measuredFields(release.deployment));
  });

  it.each([
    ['as released', releaseOf(), ''],
    ['of another version', releaseOf(undefined, (text) => text.replaceAll('5.58.0-azure-cc', '6.0.1')), ''],
    ['with every setting', releaseOf(), 'environment: prod, replicas: 5, namespace: uid2, exposure: {kind: internal}'],
  ])('is the same text each time: %s', (_name, bundle, settings) => {
    const own = configOf('uid2-vn2', `operator: {${settings}}\n`);
    const made = operatorObjects(bundle, own, identity);
    expect(manifestYaml({ title: 'The operator', notes: [], objects: made })).toMatchSnapshot();
  });

  it('a changed measured field would be seen', () => {
    const text = JSON.stringify(deployment);
    for (const [from, to] of [
      ['/skr.sh', '/bin/sh'],
      ['Port', 'Part'],
      ['5.58.0', '5.59.0'],
      ['"runAsUser":1000', '"runAsUser":0'],
      ['hostPath', 'emptyDir'],
    ] as const) {
      expect(measuredFields(JSON.parse(text.replace(from, to)))).not.toEqual(measuredFields(release.deployment));
    }
  });

  it('has every placeholder filled in by its place', () => {
    expect(placeholdersIn(objects)).toEqual([]);
    const text = JSON.stringify(deployment);
    expect(text).toContain(`"microsoft.containerinstance.virtualnode.identity":"${identity}"`);
    expect(text).toContain('{"name":"VAULT_NAME","value":"my-vn-aks-vault"}');
    expect(text).toContain('{"name":"OPERATOR_KEY_SECRET_NAME","value":"my-vn-aks-opr-key-name"}');
    expect(text).toContain('{"name":"DEPLOYMENT_ENVIRONMENT","value":"integ"}');
  });

  it('runs in a slot of its own, which the Service of the guide does not find', () => {
    const labels = { 'app.kubernetes.io/name': 'uid2-operator', 'uid2/slot': '5-58-0-azure-cc' };
    expect(deployment.metadata).toMatchObject({ name: 'operator-5-58-0-azure-cc', namespace: 'default', labels });
    expect(deployment).toMatchObject({
      spec: {
        replicas: 3,
        minReadySeconds: 120,
        selector: { matchLabels: labels },
        template: { metadata: { labels } },
      },
    });
    expect(one(objects, 'Service')).toMatchObject({
      spec: { selector: labels, type: 'LoadBalancer', ports: [{ port: 80, targetPort: 8080 }] },
    });
  });

  it('is exposed as configured', () => {
    const inside = configOf(
      'uid2-vn2',
      'operator: {exposure: {kind: internal, allowedSources: [10.0.0.0/8]}, namespace: uid2}\n',
    );
    const made = operatorObjects(release, inside, identity);
    expect(one(made, 'Namespace').metadata.name).toBe('uid2');
    expect(one(made, 'Service')).toMatchObject({
      metadata: {
        namespace: 'uid2',
        annotations: { 'service.beta.kubernetes.io/azure-load-balancer-internal': 'true' },
      },
      spec: { loadBalancerSourceRanges: ['10.0.0.0/8'] },
    });
  });

  it('gets names that Kubernetes takes, whatever the version', () => {
    expect(versionSlug('5.58.0+Build_7')).toBe('5-58-0-build-7');
    expect(`operator-${versionSlug('x'.repeat(200))}`.length + 17).toBeLessThanOrEqual(63);
    expect(versionSlug('...')).toBe('unknown');
  });

  it('without a release keeps the placeholders of a release, and says so', () => {
    const set = manifestsOf(configOf('uid2-vn2'), resolved).find(({ id }) => id === 'R-OP');
    expect(placeholdersIn(set?.objects)).toEqual(['CCE_POLICY_PLACEHOLDER', 'IMAGE_PLACEHOLDER']);
    expect(set?.notes.join(' ')).toContain('Not complete');
  });
});

describe('acceptance 15: the virtual node', () => {
  const set = manifestsOf(
    configOf('uid2-vn2', 'virtualNode: {nodeLabels: {a: "1"}, customTags: {x: y, z: w}}\n'),
    resolved,
  )[0];
  const objects = set?.objects ?? [];

  it('has the objects of its chart', () => {
    expect(objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      'Namespace/vn2',
      'ServiceAccount/virtual-node2-helm',
      'Secret/virtual-node-admission-controller',
      'ClusterRoleBinding/virtualnode-virtual-node2-helm',
      'Service/virtual-node-admission-controller',
      'Deployment/virtual-node-admission-controller',
      'StatefulSet/virtualnode',
      'MutatingWebhookConfiguration/virtual-node-admission-controller',
    ]);
  });

  it('never carries certificates: neither data of the Secret nor caBundle', () => {
    expect(one(objects, 'Secret')).not.toHaveProperty('data');
    expect(JSON.stringify(objects)).not.toContain('caBundle');
    expect(set?.createOnly).toEqual(['Secret/virtual-node-admission-controller']);
  });

  it('sends no null anywhere', () => {
    expect(JSON.stringify(objects)).not.toContain('null');
  });

  it('asks for 2.8 cores and 9 GB', () => {
    const { spec } = one(objects, 'StatefulSet') as unknown as {
      spec: {
        template: {
          spec: { containers: { name: string; resources: { requests: { cpu: string; memory: string } } }[] };
        };
      };
    };
    const requests = spec.template.spec.containers.map(({ resources }) => resources.requests);
    expect(requests.map(({ cpu }) => cpu)).toEqual(['1', '0', '0', '0', '1800m', '0']);
    expect(requests.map(({ memory }) => memory)).toEqual(['3G', '0G', '0G', '0G', '6G', '0G']);
  });

  it('takes its values from the configuration', () => {
    const text = JSON.stringify(one(objects, 'StatefulSet'));
    expect(text).toContain('{"name":"Subnets","value":"cg"}');
    expect(text).toContain('{"name":"CustomNodeLabels","value":"a=1"}');
    expect(text).toContain('{"name":"VirtualNode_CustomTags","value":"x=y;z=w"}');
    expect(text).toContain('{"name":"ResourceGroup"}');
  });

  it('is named after its release', () => {
    const named = manifestsOf(configOf('uid2-vn2', 'virtualNode: {releaseName: foo}\n'), resolved)[0]?.objects ?? [];
    expect(one(named, 'StatefulSet').metadata.name).toBe('foo-virtualnode');
  });
});

describe('addition 3: the samples', () => {
  it('the confidential consumer is that of the guide', () => {
    const sets = manifestsOf(configOf('kata-cc', 'attestation: {endpoint: maa.eus.attest.azure.net}\n'), resolved, {
      identityClientId: 'client',
    });
    const objects = sets.flatMap((set) => set.objects);
    expect(one(objects, 'ServiceAccount').metadata).toMatchObject({
      namespace: 'kafka',
      annotations: { 'azure.workload.identity/client-id': 'client' },
    });
    const text = JSON.stringify(one(objects, 'Pod', 'kafka-golang-consumer'));
    expect(text).toContain('"runtimeClassName":"kata-cc-isolation"');
    expect(text).toContain('{"name":"SkrClientMAAEndpoint","value":"maa.eus.attest.azure.net"}');
    expect(text).toContain('{"name":"SkrClientAKVEndpoint","value":"kafka-vault.vault.azure.net"}');
    expect(JSON.stringify(one(objects, 'Pod', 'kafka-producer'))).not.toContain('serviceAccountName');
  });

  it('the vote application mounts its secrets, and uses no pod identity', () => {
    const objects = manifestsOf(configOf('private-link'), resolved, { identityClientId: 'client' }).flatMap(
      (set) => set.objects,
    );
    expect(one(objects, 'SecretProviderClass')).toMatchObject({
      apiVersion: 'secrets-store.csi.x-k8s.io/v1',
      spec: {
        parameters: {
          usePodIdentity: 'false',
          clientID: 'client',
          keyvaultName: 'azure-vote',
          tenantId: resolved.tenantId,
        },
      },
    });
    const text = JSON.stringify(one(objects, 'Deployment'));
    expect(text).toContain('volumeMounts');
    expect(text).not.toContain('aadpodidbinding');
  });

  it.each([
    ['the published image, which knows no TLS', '', false],
    [
      'another image while the port without TLS is open',
      'app: {image: own/vote:1}\nredis: {nonSslPort: true}\n',
      false,
    ],
    ['another image', 'app: {image: own/vote:1}\n', true],
  ])('the vote application speaks TLS to Redis only where it can and must: %s', (_what, settings, tls) => {
    const sets = manifestsOf(configOf('private-link', settings), resolved, { identityClientId: 'client' });
    const { notes, objects } = sets.find(({ id }) => id === 'L-APP') ?? { notes: [], objects: [] };
    expect(JSON.stringify(objects).includes('{"name":"redis_tls","value":"true"}')).toBe(tls);
    expect(notes.some((note) => note.includes('without TLS'))).toBe(settings === '');
  });
});

it('YAML says the same as the objects, and is the same text each time', () => {
  for (const set of manifestsOf(configOf('uid2-vn2'), resolved)) {
    const text = manifestYaml(set);
    expect(parseAllDocuments(text).map((document) => document.toJS() as unknown)).toEqual(
      JSON.parse(JSON.stringify(set.objects)),
    );
    expect(manifestYaml(set)).toBe(text);
  }
});
