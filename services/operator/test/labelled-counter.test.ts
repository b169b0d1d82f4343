import { Registry, Summary } from 'prom-client';
import { expect, it } from 'vitest';

import { CountTree } from '../src/count-tree.ts';
import { LabelledCounter } from '../src/labelled-counter.ts';
import { LabelledSummary } from '../src/labelled-summary.ts';

it('CountTree finds the same leaf for the same values only, in whatever order they came', () => {
  const tree = new CountTree<{ readonly values: readonly unknown[] }>();
  const leaf = (...values: unknown[]) => tree.leaf(values, (of) => ({ values: of }));
  const first = leaf('a', 'b', undefined);
  expect(leaf('a', 'b', undefined)).toBe(first);
  expect(leaf('a', 'b', undefined)).toBe(first);
  expect(leaf('b', 'a', undefined)).not.toBe(first);
  expect(leaf('a', 'b', null)).not.toBe(first);
  expect(tree.size).toBe(3);
  expect(tree.leaves()[0]).toBe(first);
  tree.clear();
  expect(tree.size).toBe(0);
  expect(leaf('a', 'b', undefined)).not.toBe(first);
});

it('LabelledCounter shows one line for every list of values, numbers and their texts being the same', async () => {
  const registry = new Registry();
  const counter = new LabelledCounter(registry, 'calls_total', 'Calls', ['site', 'path']);
  counter.inc([1, '/a']);
  counter.inc(['1', '/a'], 2);
  counter.inc([2, '/b']);
  const expected = ['calls_total{site="1",path="/a"} 3', 'calls_total{site="2",path="/b"} 1'];
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('calls_total{'));
    expect(lines).toEqual(expected);
  }
});

it('LabelledSummary shows sum and count as a summary of prom-client without quantiles does', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const summary = new LabelledSummary(ours, 'age_seconds', 'Ages', ['site', 'path']);
  const other = new Summary({
    name: 'age_seconds',
    help: 'Ages',
    labelNames: ['site', 'path'],
    percentiles: [],
    registers: [theirs],
  });
  for (const [site, path, age] of [
    [1, '/a', 2.5],
    [1, '/a', 4],
    [2, '/b', -1],
  ] as const) {
    summary.add([site, path], age);
    other.observe({ site, path }, age);
  }
  for (let scrape = 0; scrape < 2; scrape += 1) expect(await ours.metrics()).toBe(await theirs.metrics());
  expect(await ours.getMetricsAsJSON()).toEqual(await theirs.getMetricsAsJSON());
});
