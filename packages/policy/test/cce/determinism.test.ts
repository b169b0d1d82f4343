import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { generateCce } from '../../src/cce/index.ts';
import { plainImages } from './support.ts';

/** A value with the members of every object in another order. */
function reordered(value: unknown, order: (names: string[]) => string[]): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map((item) => reordered(item, order));
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  return Object.fromEntries(order(Object.keys(object)).map((name) => [name, reordered(object[name], order)]));
}

/** Orders of members: as they are, reversed, sorted, rotated. */
const orders = fc.constantFrom<(names: string[]) => string[]>(
  (names) => names.toReversed(),
  (names) => names.toSorted(),
  (names) => [...names.slice(1), ...names.slice(0, 1)],
);

const template = {
  parameters: { p: { type: 'string', defaultValue: 'x' }, q: { defaultValue: 'y' } },
  variables: { v: "[parameters('p')]", w: 'z' },
  resources: [
    {
      type: 'Microsoft.ContainerInstance/containerGroups',
      name: 'g',
      properties: {
        volumes: [{ name: 'd', azureFile: { shareName: 's' } }],
        initContainers: [{ name: 'init', properties: { image: 'i:0' } }],
        containers: [
          {
            name: 'c',
            properties: {
              image: 'i:1',
              command: ['/a', "[variables('v')]"],
              environmentVariables: [{ name: 'A', value: "[parameters('q')]" }],
              volumeMounts: [{ name: 'd', mountPath: '/d', readOnly: true }],
              livenessProbe: { exec: { command: ['l'] } },
              readinessProbe: { exec: { command: ['r'] } },
              securityContext: { runAsUser: 1, runAsGroup: 2, capabilities: { add: ['CAP_BPF'], drop: ['CAP_KILL'] } },
            },
          },
        ],
      },
    },
  ],
};

const workload = {
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec: {
    template: {
      metadata: { labels: { 'azure.workload.identity/use': 'true', other: 'x' } },
      spec: {
        volumes: [{ name: 'v', configMap: { name: 'm' } }],
        containers: [
          {
            name: 'c',
            image: 'i:1',
            args: ['x'],
            env: [
              { name: 'A', valueFrom: { configMapKeyRef: { name: 'm', key: 'a' } } },
              { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'b' } } },
            ],
            volumeMounts: [{ name: 'v', mountPath: '/v' }],
          },
        ],
      },
    },
  },
};
const configMap = { kind: 'ConfigMap', metadata: { name: 'm' }, data: { a: '1', z: '2' } };
const secret = { kind: 'Secret', metadata: { name: 's' }, stringData: { b: '3' } };

async function digests(input: Parameters<typeof generateCce>[0]): Promise<string[]> {
  return (await generateCce(input, plainImages(), { generation: 'G4' })).map(({ sha256 }) => sha256);
}

describe('generateCce is deterministic', () => {
  it('gives the same bytes for an ARM template whatever the order and layout of its members', async () => {
    const expected = await digests({ kind: 'arm', template: JSON.stringify(template) });
    await fc.assert(
      fc.asyncProperty(orders, fc.constantFrom(undefined, 2, '\t'), async (order, indent) => {
        const text = JSON.stringify(reordered(template, order), null, indent);
        expect(await digests({ kind: 'arm', template: text })).toEqual(expected);
      }),
    );
  });

  it('gives the same bytes for a YAML stream whatever the order of members and of the documents it draws from', async () => {
    const stream = (documents: readonly unknown[]) =>
      documents.map((document) => JSON.stringify(document)).join('\n---\n');
    const expected = await digests({ kind: 'virtual-node', manifests: stream([workload, configMap, secret]) });
    await fc.assert(
      fc.asyncProperty(
        orders,
        fc.shuffledSubarray([workload, configMap, secret], { minLength: 3 }),
        async (order, documents) => {
          const manifests = stream(documents.map((document) => reordered(document, order)));
          expect(await digests({ kind: 'virtual-node', manifests })).toEqual(expected);
        },
      ),
    );
  });
});
