import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const HOLDFAST = fileURLToPath(new URL('../../bin/holdfast.mjs', import.meta.url));

/** Tells the files of commands that are loaded. */
const TRACE = `data:text/javascript,${encodeURIComponent(`
  import module from 'node:module';
  module.registerHooks({ load(url, context, next) {
    const name = /\\/cli\\/src\\/commands\\/(.*)$/.exec(url)?.[1];
    if (name !== undefined) process.stderr.write(name + ' ');
    return next(url, context);
  } });
`)}`;

async function commandsLoadedBy(...args: readonly string[]): Promise<readonly string[]> {
  const { stderr } = await run(process.execPath, [`--import=${TRACE}`, HOLDFAST, ...args]);
  return stderr.trim().split(' ').sort();
}

describe('holdfast serve', () => {
  it('loads no other command, so that containers start sooner', async () => {
    expect(await commandsLoadedBy('serve', '--help')).toEqual(['flags.ts', 'lazily.ts', 'serve.ts']);
    expect(await commandsLoadedBy('--help')).toContain('up.ts');
  });
});
