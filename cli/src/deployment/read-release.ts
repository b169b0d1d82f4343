import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { errorMessage, RequestError } from '@holdfast/base';
import { bundleLimits, readBundle, readBundleFiles } from '@holdfast/deployment';
import type { Bundle } from '@holdfast/deployment';

/** Reads the release that a configuration names: a manifest, a ZIP, or a folder with what the ZIP held. */
export async function readRelease(folder: string, path: string): Promise<Bundle> {
  if (/^https?:\/\//.test(path)) {
    throw new RequestError('INPUT_UNREADABLE', `the bundle ${path} is an address, and nothing is downloaded here`, {
      action: 'Download it, and name the file.',
    });
  }
  const full = resolve(folder, path);
  try {
    const facts = await stat(full);
    if (!facts.isDirectory()) {
      assertSize(path, facts.size);
      return readBundle(await readFile(full));
    }
    const files = new Map<string, Uint8Array>();
    for (const entry of await readdir(full, { withFileTypes: true })) {
      if (!entry.isFile() || !/\.(ya?ml|txt)$/.test(entry.name)) continue;
      assertSize(entry.name, (await stat(join(full, entry.name))).size);
      files.set(entry.name, await readFile(join(full, entry.name)));
    }
    return readBundleFiles(files);
  } catch (cause) {
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause;
    throw new RequestError('INPUT_UNREADABLE', `the bundle ${path} cannot be read: ${errorMessage(cause)}`, {
      cause,
      action: 'Correct operator.bundle.path; it is relative to the configuration.',
    });
  }
}

function assertSize(name: string, size: number): void {
  if (size <= bundleLimits.maxBytes) return;
  throw new RequestError('INPUT_TOO_LARGE', `${name} is larger than ${bundleLimits.maxBytes} bytes`);
}
