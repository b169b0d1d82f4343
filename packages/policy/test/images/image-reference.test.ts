import { describe, test } from 'vitest';

import { parseImageReference } from '../../src/images/image-reference.ts';

const HEX = '243e1b3ce08093f2f0d9cd6a9eafde8737f64fec105ed59c346d309fbe760b58';

describe('parseImageReference', () => {
  test.for([
    ['nginx', 'docker.io', 'library/nginx', 'latest', undefined],
    ['nginx:1.27', 'docker.io', 'library/nginx', '1.27', undefined],
    ['org/app', 'docker.io', 'org/app', 'latest', undefined],
    ['index.docker.io/nginx', 'docker.io', 'library/nginx', 'latest', undefined],
    ['localhost/app:1', 'localhost', 'app', '1', undefined],
    ['localhost:5000/team/app', 'localhost:5000', 'team/app', 'latest', undefined],
    ['[::1]:5000/app:1', '[::1]:5000', 'app', '1', undefined],
    ['localhost:5000', 'docker.io', 'library/localhost', '5000', undefined],
    ['registry:5000/app@sha256:' + HEX, 'registry:5000', 'app', undefined, `sha256:${HEX}`],
    [`mcr.microsoft.com/nginx:1@sha256:${HEX}`, 'mcr.microsoft.com', 'nginx', '1', `sha256:${HEX}`],
  ] as const)('reads %s', ([text, host, repository, tag, digest], { expect }) => {
    const parsed = parseImageReference(text);
    expect([parsed.text, parsed.host, parsed.repository, parsed.tag, parsed.digest]).toEqual([
      text,
      host,
      repository,
      tag,
      digest,
    ]);
  });

  test('sends requests for Docker Hub to its API host and for others to the host itself', ({ expect }) => {
    expect(parseImageReference('nginx').apiHost).toBe('registry-1.docker.io');
    expect(parseImageReference('ghcr.io/a/b').apiHost).toBe('ghcr.io');
  });

  test('keeps the library prefix where the short name would be another repository', ({ expect }) => {
    expect(parseImageReference('library/a/b:1').familiar).toBe('library/a/b:1');
    expect(parseImageReference('library/a:1').familiar).toBe('a:1');
  });

  test.for([
    ['app', ['TAG_MISSING']],
    ['app:latest', ['TAG_LATEST']],
    ['app:1', []],
    [`app@sha256:${HEX}`, []],
    [`app:1@sha256:${HEX}`, ['TAG_IGNORED']],
  ] as const)('warns about %s with %j', ([text, codes], { expect }) => {
    expect(parseImageReference(text).warnings.map(({ code }) => code)).toEqual(codes);
  });

  test.for([
    '',
    ' nginx',
    'Nginx',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a:b:c',
    'a@',
    `a@sha256:${HEX.toUpperCase()}`,
    `a@sha256:${HEX.slice(1)}`,
    `a@sha256:${HEX}@sha256:${HEX}`,
    'host.example:0/a',
    'host.example:70000/a',
    '-host.example/a',
    'host..example/a',
    '../a',
    'host.example/../a',
    'a___b',
    `a:${'t'.repeat(129)}`,
    HEX,
    'a'.repeat(256),
    'http://host.example/a',
    'user:password@host.example/a',
  ])('refuses %j', (text, { expect }) => {
    expect(() => parseImageReference(text)).toThrow(expect.objectContaining({ code: 'IMAGE_REFERENCE_INVALID' }));
  });

  test('says that another digest algorithm is not supported', ({ expect }) => {
    expect(() => parseImageReference(`a@sha512:${HEX}${HEX}`)).toThrow(
      expect.objectContaining({ code: 'IMAGE_DIGEST_UNSUPPORTED' }),
    );
  });
});
