import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { readLine } from '../src/read-line.ts';

describe('readLine', () => {
  it('takes one line of a stream, and leaves it open for the next question', async () => {
    const stdin = new PassThrough();
    stdin.write('first\n');
    expect(await readLine({ stdin })).toBe('first');
    expect(stdin.destroyed).toBe(false);
    stdin.write('sec');
    stdin.write('ond\n');
    expect(await readLine({ stdin })).toBe('second');
  });

  it('takes what there is when the input ends without a line end', async () => {
    const stdin = new PassThrough();
    stdin.end('yes');
    expect(await readLine({ stdin })).toBe('yes');
  });
});
