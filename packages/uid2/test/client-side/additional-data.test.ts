import { describe, expect, it } from 'vitest';

import { clientSideAdditionalData } from '../../src/client-side/additional-data.ts';

const textOf = (timestamp: bigint, appName?: string): string =>
  Buffer.from(clientSideAdditionalData(timestamp, appName)).toString('utf8');

describe('clientSideAdditionalData', () => {
  it('is a compact array of the timestamp, and of the app name when there is one', () => {
    expect(textOf(1_700_000_000_000n)).toBe('[1700000000000]');
    expect(textOf(9_007_199_254_740_993n, 'com.example.app')).toBe('[9007199254740993,"com.example.app"]');
    expect(textOf(-1n, '')).toBe('[-1,""]');
  });

  it('escapes quotes, back slashes and control characters, in upper case, and nothing else', () => {
    expect(textOf(0n, '"\\\b\t\n\f\r')).toBe(String.raw`[0,"\"\\\b\t\n\f\r"]`);
    expect(textOf(0n, '\u0000\u001b\u001f')).toBe('[0,"\\u0000\\u001B\\u001F"]');
    expect(textOf(0n, '/\u007f\u2028é😀')).toBe('[0,"/\u007f\u2028é😀"]');
    expect(textOf(0n, 'a\ud800b')).toBe('[0,"a?b"]');
  });
});
