import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { manifestsOf } from '../../src/index.ts';
import { sortedJson } from '../../src/manifests/object.ts';
import { pinnedChartVersion } from '../../src/manifests/virtual-node-values.ts';
import { configOf, resolved } from '../configs.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * What real helm makes of the chart of https://github.com/microsoft/virtualnodesOnAzureContainerInstances (its folder
 * Helm/virtualnode), recorded by the name of the value set; or, with HOLDFAST_VIRTUAL_NODE_CHART naming that folder, rendered
 * now by HOLDFAST_HELM or the helm of the path.
 */
const chart = process.env['HOLDFAST_VIRTUAL_NODE_CHART'];
const helm = process.env['HOLDFAST_HELM'] ?? 'helm';
const recorded = loadVectors('virtual-node-chart.json') as
  | { readonly version: string; readonly rendered: Readonly<Record<string, readonly Json[]>> }
  | undefined;
const known = chart === undefined ? recorded?.version : versionOf(chart);

function versionOf(folder: string): string | undefined {
  const file = join(folder, 'Chart.yaml');
  return existsSync(file) ? /^version: ([^\s]+)\s*$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
}

/** What the chart renders, without a cluster or a network. */
function rendered({ name, release = 'virtualnode', namespace = 'default', values }: ValueSet): readonly Json[] {
  if (chart === undefined) return recorded?.rendered[name] ?? [];
  const args = ['template', release, chart, '--namespace', namespace, ...values.flatMap((each) => ['--set', each])];
  const { status, stdout, stderr } = spawnSync(helm, args, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return parseAllDocuments(stdout).flatMap((document) => {
    const object = document.toJS() as Json | null;
    return object === null ? [] : [object];
  });
}

/**
 * Objects by kind and name, made comparable: without null members, without the label that names who manages them, and
 * with quantities as texts.
 */
function comparable(objects: readonly Json[]): Readonly<Record<string, unknown>> {
  const entries = objects.map((object): [string, unknown] => {
    const { name } = object['metadata'] as { readonly name: string };
    return [`${String(object['kind'])}/${name}`, sortedJson(withoutNulls(object))];
  });
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    if (member === null || name === 'app.kubernetes.io/managed-by') return [];
    if ((name === 'cpu' || name === 'memory') && typeof member === 'number') return [[name, String(member)]];
    const inner = withoutNulls(member);
    // The certificates of the Secret are null in the chart, and the controller's afterwards.
    return name === 'data' && Object.keys(inner as object).length === 0 ? [] : [[name, inner]];
  });
  return Object.fromEntries(members);
}

interface ValueSet {
  readonly name: string;
  readonly config: string;
  readonly release?: string;
  readonly namespace?: string;
  readonly values: readonly string[];
}

const sets: readonly ValueSet[] = [
  { name: 'its defaults', config: '', values: [] },
  {
    name: 'three nodes in another namespace',
    config: 'virtualNode: {replicas: 3, namespace: nodes}\n',
    namespace: 'nodes',
    values: ['replicaCount=3'],
  },
  {
    name: 'another release and subnet',
    config: 'network: {subnets: {cg: {name: groups}}}\nvirtualNode: {releaseName: foo}\n',
    release: 'foo',
    values: ['aciSubnetName=groups'],
  },
  { name: 'a zone', config: 'virtualNode: {zone: "2"}\n', values: ['zones=2'] },
  {
    name: 'labels and tags',
    config: 'virtualNode: {nodeLabels: {a: "1", b: "2"}, customTags: {x: y, z: w}}\n',
    values: ['nodeLabels=a=1\\,b=2', 'customTags=x=y;z=w'],
  },
  {
    name: 'a group of its own and another cloud',
    config: 'virtualNode: {aciResourceGroupName: groups, armEndpointBaseUrl: "https://management.usgovcloudapi.net"}\n',
    values: ['aciResourceGroupName=groups', 'armEndpointBaseUrl=https://management.usgovcloudapi.net'],
  },
];

describe.skipIf(known === undefined)(
  'acceptance 15: the objects of the virtual node are those that helm makes of its chart',
  () => {
    it('of the pinned version', () => {
      expect(known).toBe(pinnedChartVersion);
    });

    it.each(sets)('with $name', (set) => {
      const own = manifestsOf(configOf('uid2-vn2', set.config), resolved)[0]?.objects ?? [];
      // The chart makes a namespace only for releases of the namespace default; here it is always there.
      const made = set.namespace === undefined ? own : own.filter(({ kind }) => kind !== 'Namespace');
      expect(comparable(made)).toEqual(comparable(rendered(set)));
    });
  },
);
