import { describe, expect, it } from 'vitest';

import { MessageBoard } from '../../src/consumer/message-board.ts';
import { encryptMessage } from '../../src/crypto/message-cipher.ts';
import { otherPublicKey, pair } from '../keys.ts';
import { record } from './record.ts';

const board = (capacity = 3): MessageBoard => new MessageBoard({ clock: () => 0, capacity });
const hello = encryptMessage('hello', pair.publicKey);

describe('MessageBoard', () => {
  it('without a key shows what was received, and decrypts it when the key arrives', () => {
    const messages = board();
    messages.add(record(hello));
    expect(messages.messages).toEqual([
      {
        number: 1,
        partition: 0,
        offset: '0',
        receivedAt: '1970-01-01T00:00:00.000Z',
        text: hello,
        decrypted: false,
        problem: undefined,
      },
    ]);
    messages.useKey(pair.privateKey);
    expect(messages.messages[0]).toMatchObject({ text: 'hello', decrypted: true });
  });

  it('shows a message that is not for the key as received and goes on', () => {
    const messages = board();
    messages.useKey(pair.privateKey);
    for (const text of ['plain text', '', encryptMessage('hello', otherPublicKey)]) {
      expect(messages.add(record(text))).toMatchObject({
        text,
        decrypted: false,
        problem: expect.stringContaining('not encrypted for') as string,
      });
    }
    expect(messages.add(record(hello))).toMatchObject({ text: 'hello', problem: undefined });
  });

  it('keeps the last messages, newest first, and of a huge one only the beginning', () => {
    const messages = board();
    for (let offset = 0; offset < 5; offset += 1) messages.add(record(`m${offset}`, offset));
    expect(messages.messages.map(({ text }) => text)).toEqual(['m4', 'm3', 'm2']);
    expect(messages.count).toBe(5);
    expect(messages.add(record('x'.repeat(100_000))).text).toHaveLength(8192);
  });

  it('gives the first message to everybody who waits', async () => {
    const messages = board();
    const waiting = [messages.first(60_000), messages.first(60_000)];
    messages.add(record('one'));
    expect((await Promise.all(waiting)).map((message) => message?.text)).toEqual(['one', 'one']);
    expect((await messages.first(60_000))?.text).toBe('one');
  });

  it('lets those who wait go when the time is over or the board is closed', async () => {
    const messages = board();
    expect(await messages.first(0)).toBeUndefined();
    const waiting = messages.first(60_000);
    messages.close();
    expect(await waiting).toBeUndefined();
  });
});
