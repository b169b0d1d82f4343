import { describe, expect, it } from 'vitest';

import type { CliIo } from '../src/context.ts';
import { progressPrinter } from '../src/up/progress.ts';

function printed(terminal: boolean, env: Record<string, string> = {}): string {
  let text = '';
  const stderr = { isTerminal: terminal, write: (part: string) => void (text += part) };
  const print = progressPrinter({ stderr, env } as unknown as CliIo);
  print({ kind: 'begin', step: 'world' });
  print({ kind: 'done', step: 'world', detail: '5 salts', ms: 1234 });
  print({ kind: 'begin', step: 'UID2 Core' });
  print({ kind: 'notice', text: 'core ended with exit code 1' });
  print({ kind: 'failed', step: 'UID2 Core', ms: 40 });
  return text;
}

describe('progressPrinter', () => {
  it('writes finished lines only where nobody watches', () => {
    expect(printed(false)).toMatchInlineSnapshot(`
      "  ✔ world                                5 salts  1.2 s
        ! core ended with exit code 1
        ✘ UID2 Core                            0.0 s
      "
    `);
  });

  it('replaces the running line on a terminal, in colour', () => {
    expect(printed(true)).toMatchInlineSnapshot(`
      "  … world
      [2K  [32m✔[39m world                                5 salts  [2m1.2 s[22m
        … UID2 Core
      [2K  [33m![39m core ended with exit code 1
        … UID2 Core
      [2K  [31m✘[39m UID2 Core                            [2m0.0 s[22m
      "
    `);
  });

  it('leaves out colours when NO_COLOR is set', () => {
    for (const colour of ['\u001b[31m', '\u001b[32m', '\u001b[33m']) {
      expect(printed(true)).toContain(colour);
      expect(printed(true, { NO_COLOR: '1' })).not.toContain(colour);
    }
  });
});
