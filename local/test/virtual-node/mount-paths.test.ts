import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { findMounted, shownPath } from '../../src/virtual-node/mount-paths.ts';
import type { MountTable } from '../../src/virtual-node/mount-paths.ts';

const TABLE: MountTable = {
  mounts: [
    { mountPath: '/mnt/secrets/', folder: '/host/pod/secrets', readOnly: true },
    { mountPath: '/mnt/secrets/inner', folder: '/host/pod/inner', readOnly: false },
    { mountPath: '/etc/app.conf', folder: '/host/pod/app.conf', readOnly: true },
    { mountPath: '/tmp', folder: '/host/pod/tmp', readOnly: false },
  ],
  kept: ['/tmp/image', '/tmp'],
};

describe('findMounted', () => {
  it.each([
    ['/mnt/secrets', '/host/pod/secrets', true],
    ['/mnt/secrets/a/b', '/host/pod/secrets/a/b', true],
    ['/mnt//secrets/./a', '/host/pod/secrets/a', true],
    ['/mnt/secrets/inner/x', '/host/pod/inner/x', false],
    ['/etc/app.conf', '/host/pod/app.conf', true],
    ['/tmp/x', '/host/pod/tmp/x', false],
    ['/tmp/', '/host/pod/tmp/', false],
    ['/mnt/secrets/../secrets/a', '/host/pod/secrets/a', true],
    ['/host/pod/secrets/a', '/host/pod/secrets/a', true],
  ])('finds %s at %s', (path, expected, readOnly) => {
    expect(findMounted(path, TABLE)).toEqual({ path: expected, readOnly });
  });

  it.each(['/mnt/secretsaside', '/mnt', '/mnt/secrets/../other', 'mnt/secrets/a', '/tmp/image/main.js', '/etc/passwd'])(
    'leaves %s where it is',
    (path) => {
      expect(findMounted(path, TABLE)).toBeUndefined();
    },
  );

  it('never leads out of the folder of a mount, and is undone by shownPath', () => {
    const part = fc.constantFrom('..', '.', 'a', 'b', 'inner', '');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const found = findMounted(`/mnt/secrets/${parts.join('/')}`, TABLE);
        if (found === undefined) return;
        expect(found.path).toMatch(/^\/host\/pod\/(secrets|inner)(\/|$)/);
        expect(found.path).not.toContain('..');
        const again = findMounted(shownPath(found.path, TABLE), TABLE)?.path;
        expect(again?.replace(/\/$/, '')).toBe(found.path.replace(/\/$/, ''));
      }),
    );
  });
});
