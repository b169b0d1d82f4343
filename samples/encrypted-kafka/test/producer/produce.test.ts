import { DependencyError } from '@holdfast/base';
import type { OutgoingRecord } from '@holdfast/kafka';
import { createLogger } from '@holdfast/process';
import { describe, expect, it } from 'vitest';

import { decryptMessage } from '../../src/crypto/message-cipher.ts';
import { readProducerConfig } from '../../src/producer/config.ts';
import { produce } from '../../src/producer/main.ts';
import { pair, publicPem } from '../keys.ts';

const unreachable = (): DependencyError =>
  new DependencyError('KAFKA_UNREACHABLE', 'nobody there', { retryable: true });

/** Runs the producer with brokers that fail as told, until `count` messages were sent. */
async function run(
  env: Readonly<Record<string, string>>,
  count: number,
  failures: readonly (Error | undefined)[] = [],
) {
  const stop = new AbortController();
  const sent: OutgoingRecord[] = [];
  const waits: number[] = [];
  const lines: string[] = [];
  const left = [...failures];
  await produce({
    config: readProducerConfig({ env: { PUBKEY: publicPem, ...env }, configFile: undefined }),
    producer: {
      send: (record) => {
        const failure = left.shift();
        if (failure !== undefined) return Promise.reject(failure);
        if (sent.push(record) === count) stop.abort();
        return Promise.resolve({ partition: 0, offset: 0n });
      },
    },
    logger: createLogger({ name: 'test', destination: { write: (line: string) => void lines.push(line) } }),
    stop: stop.signal,
    random: () => 0.5,
    wait: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
  });
  return {
    sent,
    waits,
    log: lines.join(''),
    texts: sent.map(({ value }) => decryptMessage(Buffer.from(value).toString(), pair.privateKey)),
  };
}

describe('produce', () => {
  it('sends the messages of the guide, encrypted, with neither key nor headers', async () => {
    const { sent, texts } = await run({ TOPIC: 'here', MSG: 'Hi' }, 3);
    expect(texts).toEqual(['Msg 1: Hi', 'Msg 2: Hi', 'Msg 3: Hi']);
    for (const { topic, key, headers } of sent) expect([topic, key, headers]).toEqual(['here', undefined, undefined]);
  });

  it('in the later form counts on and tags its messages', async () => {
    const env = { EVENTHUB_NAMESPACE: 'x', EVENTHUB: 'hub', BROKERS: 'one:1', SOURCE: 'me', LOG_FILE: '', MSG: '' };
    const { sent, texts } = await run(env, 2);
    expect(texts).toEqual(['Message Id 1: Azure Confidential Computing', 'Message Id 2: Azure Confidential Computing']);
    for (const { topic, headers } of sent) expect([topic, headers]).toEqual(['hub', { source: 'me' }]);
  });

  it('sends a message again until it is taken, before the next one, with growing waits', async () => {
    const { texts, waits, log } = await run({ MSG: 'Hi' }, 2, [undefined, unreachable(), unreachable()]);
    expect(texts).toEqual(['Msg 1: Hi', 'Msg 2: Hi']);
    expect(waits.slice(1)).toEqual([1125, 2250]);
    expect(log).toContain('KAFKA_UNREACHABLE');
    expect(log).toContain('the brokers take messages again');
  });

  it('ends with what only a person can correct', async () => {
    const refused = new DependencyError('KAFKA_AUTHENTICATION_FAILED', 'no', { retryable: false });
    await expect(run({}, 1, [refused])).rejects.toBe(refused);
  });
});
