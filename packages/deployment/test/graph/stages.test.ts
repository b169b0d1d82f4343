import { expect, it } from 'vitest';

import { manifestsOf, stagesOf } from '../../src/index.ts';
import { configOf, resolved } from '../configs.ts';

it.each(['virtualnode', 'vn', 'r'.repeat(53)])('wait for the node that the release %s makes', (releaseName) => {
  const config = configOf('uid2-vn2', `virtualNode: {releaseName: ${releaseName}}\n`);
  const objects = manifestsOf(config, resolved).flatMap((set) => set.objects);
  const statefulSet = objects.find(({ kind }) => kind === 'StatefulSet');
  const waits = stagesOf(config)
    .flatMap(({ tests }) => tests)
    .flatMap((test) => (test.kind === 'node-ready' ? [test.node] : []));
  expect(waits).toEqual([`${statefulSet?.metadata.name}-0`]);
});
