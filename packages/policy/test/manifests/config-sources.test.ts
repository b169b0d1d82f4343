import { configSources, readManifests } from '../../src/manifests/index.ts';
import { describe, expect, it } from 'vitest';

const stream = readManifests(`
kind: ConfigMap
metadata: {name: c}
data: {a: "1", number: 5}
binaryData: {b: w6k=, bad: /w==}
---
kind: Secret
metadata: {name: s}
data: {a: dg==, odd: "a"}
stringData: {b: plain, a: later}
`);

describe('configSources', () => {
  const { configMaps, secrets } = configSources(stream);

  it('answers data before binaryData and data before stringData', () => {
    expect(['a', 'b', 'none'].map((key) => configMaps.get('c')?.value(key))).toEqual(['1', 'é', undefined]);
    expect(['a', 'b', 'none'].map((key) => secrets.get('s')?.value(key))).toEqual(['v', 'plain', undefined]);
    expect(secrets.get('s')?.keys).toEqual(['a', 'b', 'odd']);
  });

  it.each([
    ['text that is a number', () => configMaps.get('c')?.value('number')],
    ['bytes that are not UTF-8', () => configMaps.get('c')?.value('bad')],
    ['data that is not Base64', () => secrets.get('s')?.value('odd')],
  ])('refuses %s', (_name, read) => {
    expect(read).toThrow(expect.objectContaining({ code: 'MANIFEST_CONFIG_INVALID' }));
  });
});
