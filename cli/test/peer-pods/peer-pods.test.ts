import { describe, expect, it } from 'vitest';

import { capture } from '../captured-io.ts';

const UUID = '00000000-0000-0000-0000-000000000001';
const settings = (data: Readonly<Record<string, string>>) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'peer-pods-cm' },
    data: {
      CLOUD_PROVIDER: 'azure',
      AZURE_SUBSCRIPTION_ID: UUID,
      AZURE_CLIENT_ID: UUID,
      AZURE_TENANT_ID: UUID,
      AZURE_REGION: 'eastus',
      AZURE_RESOURCE_GROUP: 'g',
      AZURE_SUBNET_ID: `/subscriptions/${UUID}/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s`,
      AZURE_IMAGE_ID: '/CommunityGalleries/c/images/i/versions/1',
      VXLAN_PORT: '9000',
      ...data,
    },
  });
const pod = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  template:
    spec:
      runtimeClassName: kata-remote
      containers:
        - name: a
          resources: { requests: { cpu: 500m, memory: 1Gi }, limits: { cpu: 1500m, memory: 1Gi } }
`;

describe('holdfast peer-pods check', () => {
  it('answers 0 and warns about the client secret of an identity without workload identity', async () => {
    const { exitCode, stdout } = await capture(['peer-pods', 'check', '-'], { stdin: settings({}) });
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout:
        'warning  AZURE_CLIENT_SECRET: missing: right with workload identity only; otherwise put it in peer-pods-secret\n',
    });
  });

  it('answers 1 with every error, as JSON too', async () => {
    const text = settings({ DISABLECVM: 'yes', PEERPODS_LIMIT_PER_NODE: '100' });
    const args = ['peer-pods', 'check', '-', '--nodes', '3', '--subnet', '10.0.0.0/24', '--json'];
    const { exitCode, stdout } = await capture(args, { stdin: text });
    expect(exitCode).toBe(1);
    const { problems } = JSON.parse(stdout) as { readonly problems: readonly { severity: string; key: string }[] };
    expect(problems.filter(({ severity }) => severity === 'error').map(({ key }) => key)).toEqual([
      'DISABLECVM',
      'PEERPODS_LIMIT_PER_NODE',
    ]);
  });

  it('refuses what is no range', async () => {
    const { exitCode, stderr } = await capture(['peer-pods', 'check', '-', '--subnet', 'x'], { stdin: settings({}) });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('10.20.0.0/24');
  });
});

describe('holdfast peer-pods explain', () => {
  it('says what a pod asks for after the webhook', async () => {
    const { exitCode, stdout } = await capture(['peer-pods', 'explain', '-'], { stdin: pod });
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'Deployment/app: asks for 2 processors, 1024 MiB; takes one kata.peerpods.io/vm of a node\n',
    });
  });

  it('leaves other pods alone and says so', async () => {
    const { stdout } = await capture(['peer-pods', 'explain', '-'], { stdin: pod.replace('kata-remote', 'other') });
    expect(stdout).toContain('untouched: not of the runtime class kata-remote');
  });
});
