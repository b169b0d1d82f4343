import type { PageView, ShownMessage } from '@holdfast/encrypted-kafka';
import { describe, expect, it } from 'vitest';

import { ConsumerWatch } from '../../src/sample/consumer-watch.ts';

/** The state of a consumer that received these messages. */
function state(key: 'released' | 'refused', messages: readonly (readonly [partition: number, decrypted: boolean])[]) {
  const shown: ShownMessage[] = messages.map(([partition, decrypted], index) => ({
    number: index + 1,
    partition,
    offset: '0',
    receivedAt: '',
    text: `text ${index + 1}`,
    decrypted,
    problem: undefined,
  }));
  const view: Partial<PageView> = {
    message: shown.at(-1)?.text ?? '',
    key: { state: key, text: `the key was ${key}` },
    kafka: { state: 'reading', text: 'reading' },
    messages: shown.toReversed(),
  };
  return view;
}

function watch(view: object): ConsumerWatch {
  const answer = { status: 200, headers: {}, body: Buffer.from(JSON.stringify(view)) };
  return new ConsumerWatch({
    client: { send: () => Promise.resolve(answer) },
    pageUrl: 'http://127.0.0.1:1',
    signal: new AbortController().signal,
  });
}

describe('prove', () => {
  it('is done when every partition had a message as expected', async () => {
    const view = state('released', [
      [0, false],
      [0, true],
      [1, true],
      [2, true],
    ]);
    expect(await watch(view).prove({ partitions: 3, readable: true })).toEqual({
      messages: 3,
      example: 'text 4',
      key: 'the key was released',
    });
  });

  it('fails at once when a message is readable that must not be', async () => {
    const proof = watch(
      state('refused', [
        [0, false],
        [1, true],
      ]),
    ).prove({ partitions: 3, readable: false });
    await expect(proof).rejects.toMatchObject({
      code: 'SAMPLE_NOT_AS_EXPECTED',
      message: expect.stringContaining('a message was decrypted that must not be readable here') as string,
    });
  });

  it('fails when the key was released although nothing may be readable', async () => {
    const proof = watch(state('released', [[0, false]])).prove({ partitions: 1, readable: false });
    await expect(proof).rejects.toMatchObject({ code: 'SAMPLE_NOT_AS_EXPECTED' });
  });

  it('fails with the words of a container that ended', async () => {
    const watching = watch(state('released', []));
    watching.fail('skr ended with exit code 1');
    await expect(watching.prove({ partitions: 1, readable: true })).rejects.toMatchObject({
      message: expect.stringContaining('skr ended with exit code 1') as string,
    });
  });
});
