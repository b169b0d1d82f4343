import { describe, test } from 'vitest';

import { parseLayerHasherOutput } from '../../src/images/layer-hasher-output.ts';

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)];

describe('parseLayerHasherOutput', () => {
  test('reads JSON and lines', ({ expect }) => {
    expect(parseLayerHasherOutput(`{"layers": ["${A}", "${B}"]}\n`)).toEqual([A, B]);
    expect(parseLayerHasherOutput(`fetching\r\nLayer 0 root hash: ${A}\r\nLayer 1 root hash: ${B}\r\n`)).toEqual([
      A,
      B,
    ]);
  });

  test.for([
    '',
    '{',
    '{"layers": [""]}',
    `Layer 1 root hash: ${A}`,
    `Layer 0 root hash: ${A}\nLayer 0 root hash: ${B}`,
    `Layer 0 root hash: ${A.slice(1)}`,
  ])('refuses %j', (text, { expect }) => {
    expect(() => parseLayerHasherOutput(text)).toThrow(expect.objectContaining({ code: 'IMAGE_FACTS_MALFORMED' }));
  });
});
