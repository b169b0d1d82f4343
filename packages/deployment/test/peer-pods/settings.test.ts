import { describe, expect, it } from 'vitest';

import { checkPeerPodsSettings, readPeerPodsSettings, teeOf } from '../../src/peer-pods/index.ts';
import type { PeerPodsSurroundings } from '../../src/peer-pods/index.ts';

const UUID = '00000000-0000-0000-0000-000000000001';
const GROUP = `/subscriptions/${UUID}/resourceGroups/g/providers`;
const good: Readonly<Record<string, string>> = {
  CLOUD_PROVIDER: 'azure',
  AZURE_SUBSCRIPTION_ID: UUID,
  AZURE_CLIENT_ID: UUID,
  AZURE_TENANT_ID: UUID,
  AZURE_REGION: 'eastus',
  AZURE_RESOURCE_GROUP: 'g',
  AZURE_SUBNET_ID: `${GROUP}/Microsoft.Network/virtualNetworks/v/subnets/s`,
  AZURE_IMAGE_ID: '/CommunityGalleries/c/images/i/versions/1',
  VXLAN_PORT: '9000',
};
const objects = (data: Readonly<Record<string, unknown>>, secret: object = { AZURE_CLIENT_SECRET: 'c2VjcmV0' }) =>
  [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'peer-pods-cm' }, data },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'peer-pods-secret' }, data: secret },
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n');
const problemsWith = (changes: Readonly<Record<string, unknown>>) =>
  readPeerPodsSettings(objects({ ...good, ...changes })).problems;
const checked = (changes: Readonly<Record<string, string>>, surroundings: PeerPodsSurroundings = {}) =>
  checkPeerPodsSettings(readPeerPodsSettings(objects({ ...good, ...changes })), surroundings).map(
    ({ severity, key }) => `${severity} ${key}`,
  );

describe('peer-pods-cm and peer-pods-secret', () => {
  it('have no problems with good values, and the defaults of what they leave out', () => {
    const { values, problems } = readPeerPodsSettings(objects(good));
    expect(problems).toEqual([]);
    expect(values.get('AZURE_INSTANCE_SIZE')).toBe('Standard_DC2as_v5');
    expect(values.get('PEERPODS_LIMIT_PER_NODE')).toBe('10');
  });

  it.each([
    ['DISABLECVM', 'yes'],
    ['PEERPODS_LIMIT_PER_NODE', '10x'],
    ['FORWARDER_PORT', '70000'],
    ['PROXY_TIMEOUT', '5 minutes'],
    ['AZURE_REGION', 'East US'],
    ['AZURE_RESOURCE_GROUP', 'ends.'],
    ['AZURE_SUBNET_ID', 'my-subnet'],
    ['AZURE_IMAGE_ID', 'image'],
    ['AZURE_SUBSCRIPTION_ID', 'sub'],
    ['TAGS', 'a'],
    ['INITDATA', 'not base64!'],
    ['TLS_MIN_VERSION', 'VersionTLS10'],
    ['CLOUD_PROVIDER', 'aws'],
  ])('are refused with %s: %s, which the adaptor takes silently for something else', (key, value) => {
    expect(problemsWith({ [key]: value })).toEqual([expect.objectContaining({ severity: 'error', key })]);
  });

  it.each(Object.keys(good).filter((key) => key !== 'VXLAN_PORT'))('are refused without %s', (key) => {
    expect(problemsWith({ [key]: '' })).toEqual([{ severity: 'error', key, message: 'missing' }]);
  });

  it('names the setting that was probably meant', () => {
    expect(problemsWith({ PEERPODS_LIMIT: '3' })[0]?.message).toContain('PEERPODS_LIMIT_PER_NODE');
  });

  it('never shows a secret, and says that it does not belong in the ConfigMap', () => {
    const settings = readPeerPodsSettings(objects({ ...good, AZURE_CLIENT_SECRET: 'top-secret' }));
    expect(settings.problems.map(({ key }) => key)).toEqual(['AZURE_CLIENT_SECRET']);
    expect(JSON.stringify([settings, [...settings.values]])).not.toContain('top-secret');
  });

  it.each([
    ['no YAML', 'a: [', 'it is no YAML'],
    ['no ConfigMap', '{}', 'holds no ConfigMap'],
    ['a number', objects({ ...good, ROOT_VOLUME_SIZE: 10 }), 'put it in quotes'],
  ])('are refused as a whole with %s', (_title, text, reason) => {
    expect(() => readPeerPodsSettings(text)).toThrow(
      expect.objectContaining({
        code: 'PEER_PODS_OBJECTS_INVALID',
        message: expect.stringContaining(reason) as string,
      }),
    );
  });
});

describe('settings that are each right', () => {
  it.each<[string, Readonly<Record<string, string>>, PeerPodsSurroundings, readonly string[]]>([
    ['nothing', {}, {}, []],
    ['an ordinary size', { AZURE_INSTANCE_SIZE: 'Standard_D2s_v5' }, {}, ['error AZURE_INSTANCE_SIZE']],
    [
      'an ordinary size without confidentiality',
      { AZURE_INSTANCE_SIZE: 'Standard_D2s_v5', DISABLECVM: 'true' },
      {},
      [],
    ],
    ['no confidentiality against the gate', { DISABLECVM: 'true' }, { confidentialGate: true }, ['error DISABLECVM']],
    [
      'both technologies',
      { AZURE_INSTANCE_SIZES: 'Standard_DC2as_v5,Standard_DC2es_v6' },
      {},
      ['warning AZURE_INSTANCE_SIZES'],
    ],
    ['a default outside the list', { AZURE_INSTANCE_SIZES: 'Standard_DC4as_v5' }, {}, ['error AZURE_INSTANCE_SIZE']],
    ['public addresses', { USE_PUBLIC_IP: 'true' }, {}, ['warning USE_PUBLIC_IP']],
    ['no way out', {}, { subnetHasEgress: false }, ['error USE_PUBLIC_IP']],
    ['the adaptor’s own tunnel port', { VXLAN_PORT: '4789' }, {}, ['warning VXLAN_PORT']],
    ['a small subnet', {}, { nodes: 3, subnetCidr: '10.0.0.0/28' }, ['error PEERPODS_LIMIT_PER_NODE']],
    ['a subnet that just fits', {}, { nodes: 1, subnetCidr: '10.0.0.0/28' }, []],
    ['a certificate without its key', { CERT_FILE: 'c' }, {}, ['error CACERT_FILE, CERT_FILE, CERT_KEY']],
    ['no verification', { TLS_SKIP_VERIFY: '1' }, {}, ['error TLS_SKIP_VERIFY']],
    ['no machines', { PEERPODS_LIMIT_PER_NODE: '0' }, {}, ['warning PEERPODS_LIMIT_PER_NODE']],
  ])('are checked together: %s', (_title, changes, surroundings, expected) => {
    expect(checked(changes, surroundings)).toEqual(expected);
  });

  it.each([
    ['Standard_DC2as_v5', 'snp'],
    ['Standard_EC16ads_v6', 'snp'],
    ['standard_dc2ES_v5', 'tdx'],
    ['Standard_EC2eds_v6', 'tdx'],
    ['Standard_D4s_v5', undefined],
    ['Standard_DC2s_v3', undefined],
  ])('%s has the technology %s', (size, tee) => {
    expect(teeOf(size)).toBe(tee);
  });
});
