import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { fakeWorld } from '@holdfast/deployment/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readNamespace } from '../../src/identity/detect-sources.ts';
import { capture } from '../captured-io.ts';

const IDENTITY =
  '/subscriptions/s/resourceGroups/pod-identity/providers/Microsoft.ManagedIdentity/userAssignedIdentities/azure-vote';
const VOTE = `apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentity
metadata: {name: azure-vote}
spec: {type: 0, clientID: client-vote, resourceID: ${IDENTITY}}
---
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentityBinding
metadata: {name: azure-vote-binding}
spec: {azureIdentity: azure-vote, selector: azure-vote}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: azure-vote, annotations: {keep: me}}
spec:
  selector: {matchLabels: {app: azure-vote}}
  template:
    metadata: {labels: {app: azure-vote, aadpodidbinding: azure-vote}}
    spec:
      containers: [{name: front, image: front}]
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-detect-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function detect(yaml: string, ...more: string[]) {
  await writeFile(join(folder, 'in.yaml'), yaml);
  return await capture(['identity', 'detect', 'in.yaml', ...more], { cwd: folder });
}

interface Report {
  readonly workloads: readonly {
    readonly name: string;
    readonly workload: {
      readonly spec: {
        readonly template: {
          readonly metadata: object;
          readonly spec: { readonly containers: readonly { readonly name: string }[] };
        };
      };
    };
    readonly serviceAccount: object;
    readonly command: string;
  }[];
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

describe('holdfast identity detect', () => {
  it('writes what takes a workload to workload identity', async () => {
    const run = await detect(VOTE, '--out', 'out', '--issuer', 'https://issuer.example/t/', '--tenant-id', 't1');
    expect(run.exitCode).toBe(2);
    expect((await readdir(join(folder, 'out'))).toSorted()).toEqual([
      'azure-vote-federated-credential.json',
      'azure-vote-serviceaccount.yaml',
      'azure-vote-verified.yaml',
      'azure-vote.yaml',
    ]);
    expect(await readFile(join(folder, 'out', 'azure-vote-verified.yaml'), 'utf8')).not.toMatch(/^ *aadpodidbinding:/m);
    const text = async (name: string) => await readFile(join(folder, 'out', name), 'utf8');
    const account = await text('azure-vote-serviceaccount.yaml');
    expect(account).toContain('azure.workload.identity/client-id: client-vote');
    expect(account).toContain("azure.workload.identity/service-account-token-expiration: '3600'");
    expect(account).toContain('azure.workload.identity/tenant-id: t1');
    const workload = await text('azure-vote.yaml');
    for (const part of [
      'azwi-proxy-init',
      'name: azwi-proxy\n',
      "azure.workload.identity/use: 'true'",
      'aadpodidbinding: azure-vote',
      'serviceAccountName: azure-vote',
      'keep: me',
    ]) {
      expect(workload).toContain(part);
    }
    expect(JSON.parse(await text('azure-vote-federated-credential.json'))).toMatchObject({
      resources: [
        {
          name: 'azure-vote/default-azure-vote',
          properties: {
            issuer: 'https://issuer.example/t/',
            subject: 'system:serviceaccount:default:azure-vote',
            audiences: ['api://AzureADTokenExchange'],
          },
        },
      ],
    });
    expect(run.stdout).toContain(
      'az identity federated-credential create --name default-azure-vote --identity-name azure-vote --resource-group pod-identity',
    );
  });

  it('leaves the proxy out where the application knows workload identity', async () => {
    const run = await detect(VOTE, '--path', 'native', '--json');
    const { workloads } = JSON.parse(run.stdout) as Report;
    expect(workloads[0]?.workload.spec.template.spec.containers.map(({ name }) => name)).toEqual(['front']);
    expect(workloads[0]?.workload.spec.template.metadata).toMatchObject({
      labels: { 'azure.workload.identity/use': 'true' },
    });
  });

  it('makes nothing new of what it wrote', async () => {
    const [first] = (JSON.parse((await detect(VOTE, '--json')).stdout) as Report).workloads;
    const identities = VOTE.split('---\n').slice(0, 2).join('---\n');
    const again = `${identities}---\n${JSON.stringify(first?.workload)}\n---\n${JSON.stringify(first?.serviceAccount)}\n`;
    const [second] = (JSON.parse((await detect(again, '--json')).stdout) as Report).workloads;
    expect(second?.workload).toEqual(first?.workload);
  });

  describe('secrets that are mounted from Key Vault', () => {
    const csi = (name: string) =>
      `      volumes: [{name: s, csi: {driver: secrets-store.csi.k8s.io, volumeAttributes: {secretProviderClass: ${name}}}}]\n`;
    const secretClass = (parameters: string) => `---
apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: redis, resourceVersion: '7'}
spec:
  provider: azure
  parameters: {${parameters}}
  secretObjects: [{secretName: redis, type: Opaque, data: [{objectName: key, key: key}]}]
`;
    interface Mounting {
      readonly secretProviderClasses: readonly object[];
      readonly workload: { readonly spec: { readonly template: { readonly spec: { readonly volumes: unknown } } } };
    }
    const detected = async (yaml: string) =>
      JSON.parse((await detect(yaml, '--json', '--path', 'native')).stdout) as Omit<Report, 'workloads'> & {
        readonly workloads: readonly [Mounting];
      };
    const mounts = (workload: Mounting) => JSON.stringify(workload.workload.spec.template.spec.volumes);

    it('are read with workload identity through a class of their own, and the old one stays', async () => {
      const { workloads, problems } = await detected(
        VOTE + csi('redis') + secretClass(`usePodIdentity: 'true', keyvaultName: v, objects: o`),
      );
      expect(problems).toEqual([]);
      expect(workloads[0].secretProviderClasses).toEqual([
        {
          apiVersion: 'secrets-store.csi.x-k8s.io/v1',
          kind: 'SecretProviderClass',
          metadata: { name: 'redis-workload-identity', namespace: 'default' },
          spec: {
            provider: 'azure',
            parameters: { usePodIdentity: 'false', clientID: 'client-vote', keyvaultName: 'v', objects: 'o' },
            secretObjects: [{ secretName: 'redis', type: 'Opaque', data: [{ objectName: 'key', key: 'key' }] }],
          },
        },
      ]);
      expect(mounts(workloads[0])).toContain('"secretProviderClass":"redis-workload-identity"');
    });

    it('are written to a file of their own', async () => {
      await detect(VOTE + csi('redis') + secretClass(`usePodIdentity: 'true'`), '--out', 'out');
      const text = await readFile(join(folder, 'out', 'azure-vote-secretproviderclass.yaml'), 'utf8');
      expect(text).toContain('clientID: client-vote');
    });

    it('stay as they are when they are not read with pod identity', async () => {
      const { workloads } = await detected(VOTE + csi('redis') + secretClass(`clientID: other`));
      expect(workloads[0].secretProviderClasses).toEqual([]);
      expect(mounts(workloads[0])).toContain('"secretProviderClass":"redis"');
    });

    it('are named when their class is not there', async () => {
      expect((await detected(VOTE + csi('missing'))).notes).toEqual([
        expect.stringContaining('SecretProviderClass missing, which is not here'),
      ]);
    });

    it('cannot be shared by workloads with two identities', async () => {
      const second = (VOTE + csi('redis')).replaceAll('azure-vote', 'other').replace('client-vote', 'client-other');
      const all = `${VOTE}${csi('redis')}${secretClass(`usePodIdentity: 'true'`)}---\n${second}`;
      expect((await detected(all)).problems).toEqual([
        expect.stringContaining('shares the class of redis-workload-identity'),
      ]);
    });
  });

  it('ends with 0 when nothing uses pod identity', async () => {
    const run = await detect('apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a}]}\n');
    expect([run.exitCode, run.stdout]).toEqual([0, 'nothing here uses pod identity\n']);
  });

  it.each([
    ['an identity of a service principal', VOTE.replace('type: 0', 'type: 1'), 'leads to no AzureIdentity of type 0'],
    [
      'a binding without an identity',
      VOTE.replace('azureIdentity: azure-vote', 'azureIdentity: other'),
      'leads to no AzureIdentity',
    ],
    [
      'a service account that is not there',
      VOTE.replace('      containers', '      serviceAccountName: own\n      containers'),
      'there is no service account default/own',
    ],
    [
      'the network of the node',
      VOTE.replace('      containers', '      hostNetwork: true\n      containers'),
      'network of the node',
    ],
    ['an owner it does not know', VOTE.replace('kind: Deployment', 'kind: Rollout'), 'unsupported owner kind: Rollout'],
    [
      'a name that leads out of the folder',
      VOTE.replace('metadata: {name: azure-vote, annotations', 'metadata: {name: ../../x, annotations'),
      'its name is none',
    ],
  ])('says that %s cannot be migrated', async (_what, yaml, problem) => {
    const run = await detect(yaml, '--json', '--out', 'out');
    expect(run.exitCode).toBe(1);
    expect((JSON.parse(run.stdout) as Report).problems.join('\n')).toContain(problem);
  });

  it('refuses one service account for two identities', async () => {
    const other = VOTE.replaceAll('azure-vote', 'other').replaceAll('client-vote', 'client-other');
    const shared = [VOTE, other].map((each) =>
      each.replace('      containers', '      serviceAccountName: both\n      containers'),
    );
    const run = await detect(
      `${shared.join('---\n')}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: both}\n`,
      '--json',
    );
    const { problems, workloads } = JSON.parse(run.stdout) as Report;
    expect(workloads.map(({ name }) => name)).toEqual(['azure-vote']);
    expect(problems.join()).toContain('which has another identity');
  });

  it('warns of the member names of old releases', async () => {
    const run = await detect(VOTE.replace('selector: azure-vote}', 'selector: azure-vote, Selector: x}'), '--json');
    expect((JSON.parse(run.stdout) as Report).notes).toContain(
      'AzureIdentityBinding default/azure-vote-binding: spec.Selector is ignored since release 1.6.0; write spec.selector',
    );
  });

  it.each([
    [['identity', 'detect'], 'neither files nor a cluster'],
    [['identity', 'detect', 'f', '--kubeconfig', 'k'], 'both files and a cluster'],
    [['identity', 'detect', 'f', '--service-account-token-expiration', '25h'], 'less than or equal to 24h0m0s'],
    [['identity', 'redirect'], 'one of --apply, --remove and --print'],
    [['identity', 'redirect', '--print', '--metadata-ip', 'x'], 'no IPv4 address'],
  ])('%j is a mistake of usage', async (args, text) => {
    const run = await capture(args);
    expect(run.exitCode).toBe(64);
    expect(run.stderr).toContain(text);
  });

  it('follows the pods of a cluster to whoever made them', async () => {
    const { cluster } = fakeWorld('s');
    const owned = (kind: string, name: string) => [{ apiVersion: 'apps/v1', kind, name, controller: true }];
    const put = (kind: string, name: string, metadata: object, rest: object = {}): void => {
      const object = {
        apiVersion: kind === 'Pod' ? 'v1' : 'apps/v1',
        kind,
        metadata: { name, namespace: 'default', ...metadata },
        ...rest,
      };
      cluster.put(object);
    };
    const labels = { aadpodidbinding: 'azure-vote' };
    put('Deployment', 'vote', {}, { spec: { replicas: 0 } });
    put('ReplicaSet', 'vote-1', { ownerReferences: owned('Deployment', 'vote') });
    for (const name of ['vote-1-a', 'vote-1-b'])
      put('Pod', name, { labels, ownerReferences: owned('ReplicaSet', 'vote-1') });
    put('Pod', 'lone', { labels });
    put('Pod', 'rolled', { labels, ownerReferences: owned('Rollout', 'r') });
    const found = await readNamespace(cluster.port, 'default');
    expect(found.workloads.map(({ kind, metadata }) => [kind, (metadata as { name?: string }).name])).toEqual([
      ['Deployment', 'vote'],
      ['Pod', 'lone'],
    ]);
    expect(found.problems).toEqual(['Pod default/rolled: unsupported owner kind: Rollout']);
  });
});

describe('holdfast identity redirect', () => {
  it('prints the rules for nftables and iptables', async () => {
    const nft = await capture(['identity', 'redirect', '--print']);
    expect(nft.stdout).toContain('ip saddr != 127.0.0.1 ip daddr 169.254.169.254 tcp dport 80 dnat to 127.0.0.1:2579');
    const tables = await capture([
      'identity',
      'redirect',
      '--print',
      '--tool',
      'iptables',
      '--nmi-listen-address',
      '0.0.0.0',
    ]);
    expect(tables.stdout).toContain(
      'iptables -w 5 -t nat -A aad-metadata -p tcp ! -s 127.0.0.1/32 -d 169.254.169.254/32 --dport 80 -j DNAT --to-destination 127.0.0.1:2579',
    );
  });
});
