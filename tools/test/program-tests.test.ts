import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { programTests } from '../../testing/program-tests.ts';
import { repositoryRoot } from '../workspaces.ts';

describe('the list of tests that npm test leaves to npm run test:e2e', () => {
  it('names files that are there, once each and in order', () => {
    expect(programTests.filter((file) => !existsSync(join(repositoryRoot, file)))).toEqual([]);
    expect([...new Set(programTests)].toSorted()).toEqual(programTests);
  });
});
