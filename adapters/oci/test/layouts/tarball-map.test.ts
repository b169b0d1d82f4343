import { describe, test } from 'vitest';

import { findTarball, parseTarballMap } from '../../src/layouts/tarball-map.ts';

describe('parseTarballMap', () => {
  test('takes one path for one image', ({ expect }) => {
    expect(findTarball(parseTarballMap('a.tar', ['app:1', 'app:1']), 'app:1')).toBe('a.tar');
  });

  test('finds latest under the bare name and the reverse', ({ expect }) => {
    const map = parseTarballMap({ app: 'a.tar', 'ghcr.io/b:latest': 'b.tar' }, []);
    expect(['app:latest', 'ghcr.io/b', 'app:2'].map((name) => findTarball(map, name))).toEqual([
      'a.tar',
      'b.tar',
      undefined,
    ]);
  });

  test.for([
    ['one path for two images', 'a.tar', ['a', 'b']],
    ['one path for no image', 'a.tar', []],
    ['a list', ['a.tar'], []],
    ['a number as path', { a: 1 }, []],
    ['a digest', { [`a@sha256:${'0'.repeat(64)}`]: 'a.tar' }, []],
  ] as const)('refuses %s', ([, value, references], { expect }) => {
    expect(() => parseTarballMap(value, references)).toThrow(expect.objectContaining({ code: 'TARBALL_MAP_INVALID' }));
  });
});
