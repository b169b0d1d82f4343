import { describe, expect, it } from 'vitest';

import { droppedFields, operatorSkeleton } from '../../src/index.ts';
import type { Bundle } from '../../src/index.ts';
import { configOf } from '../configs.ts';

const config = configOf('uid2-vn2');

describe('droppedFields', () => {
  it('is empty for a release, fields that nobody here knows included', () => {
    const skeleton = operatorSkeleton();
    const deployment = JSON.parse(
      JSON.stringify(skeleton.deployment).replace('"nodeSelector"', '"someNewField":{"deep":[1]},"nodeSelector"'),
    ) as Bundle['deployment'];
    expect(droppedFields(skeleton, config)).toEqual([]);
    expect(droppedFields({ ...skeleton, deployment }, config)).toEqual([]);
  });

  it('names a field that cannot be sent', () => {
    const skeleton = operatorSkeleton();
    const service = { ...skeleton.service, strange: undefined };
    expect(droppedFields({ ...skeleton, service }, config)).toEqual(['Service.strange']);
  });
});
