import { expect, it } from 'vitest';

import { assignmentName, dnsPrefix, uuidV5 } from '../../src/index.ts';

it('name-based UUIDs are those of RFC 9562', () => {
  expect(uuidV5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe(
    '2ed6657d-e927-568b-95e1-2665a8aea6a2',
  );
});

it('role assignments keep their name, whatever the case of ids', () => {
  const name = assignmentName(
    '/subscriptions/S/resourceGroups/G',
    '/Cluster#kubelet',
    'b24988ac-6180-42a0-ab88-20f7382dd24c',
  );
  expect(
    assignmentName('/SUBSCRIPTIONS/s/resourcegroups/g', '/cluster#KUBELET', 'b24988ac-6180-42a0-ab88-20f7382dd24c'),
  ).toBe(name);
  expect(
    assignmentName('/subscriptions/S/resourceGroups/H', '/Cluster#kubelet', 'b24988ac-6180-42a0-ab88-20f7382dd24c'),
  ).not.toBe(name);
});

it.each([
  ['myvncluster', 'my-vn-aks', 'myvncluste-my-vn-aks-123456'],
  ['1cluster', 'g', 'a1cluster-g-123456'],
  ['1234567890', 'a_group.with.many.letters', 'a123456789-agroupwithmanyle-123456'],
])('the DNS prefix of %s in %s is what the Azure CLI makes of it', (cluster, group, prefix) => {
  expect(dnsPrefix(cluster, group, '12345678-0000')).toBe(prefix);
});
