import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

import { freePortBase, runHoldfast } from '../src/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A home folder with a small world that nobody runs in; tests copy it. */
    seededHome: string;
  }
}

/** Makes one small world for all end-to-end tests: key generation is the slow part of a first start. */
export async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-e2e-'));
  const home = join(folder, 'home');
  const portBase = await freePortBase(12);
  const result = await runHoldfast([
    'up',
    '--check',
    '--home',
    home,
    '--port-base',
    String(portBase),
    '--salts',
    '2000',
  ]);
  if (result.code !== 0) throw new Error(`the first start failed with ${result.code}:\n${result.stderr}`);
  project.provide('seededHome', home);
  return () => rmSync(folder, { recursive: true, force: true });
}
