import { DependencyError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MessageBoard } from '../../../src/consumer/message-board.ts';
import { escapeHtml, renderPage } from '../../../src/consumer/page/html.ts';
import { pageView } from '../../../src/consumer/page/view.ts';
import type { PageFacts } from '../../../src/consumer/page/view.ts';
import { encryptMessage } from '../../../src/crypto/message-cipher.ts';
import { pair } from '../../keys.ts';
import { record } from '../record.ts';

const RELEASED = { kind: 'released', kid: 'demo', bits: 3072 } as const;
const REFUSED = {
  kind: 'refused',
  kid: 'demo',
  code: 'SAMPLE_KEY_REFUSED',
  reason: 'key demo was not released: <b>no</b>',
  action: 'Compare.',
  retryInMs: 4000,
} as const;

/** What the page shows after these texts were encrypted and received. */
function facts(texts: readonly string[], over: Partial<PageFacts> = {}): PageFacts {
  const board = new MessageBoard({ clock: () => 0 });
  if (over.key?.kind !== 'refused') board.useKey(pair.privateKey);
  for (const [offset, text] of texts.entries()) board.add(record(encryptMessage(text, pair.publicKey), offset));
  return {
    topic: 'orders',
    headingStyle: 'shown',
    key: RELEASED,
    kafka: { kind: 'reading', partitions: [0, 1, 2] },
    messages: board.messages,
    received: board.count,
    ...over,
  };
}

describe('the page', () => {
  it('has the words of the published sample around a decrypted message', () => {
    const html = renderPage(pageView(facts(['Msg 1: Azure Confidential Computing'])));
    expect(html).toContain('<title>Confidential Containers on AKS</title>');
    expect(html).toMatch(/<h1>Welcome to <a href="https:[^"]+">Confidential Containers on AKS!<\/a><\/h1>/);
    expect(html).toContain('<h2 id="heading">Unencrypted Kafka Message:</h2>');
    expect(html).toContain('<code id="message">Msg 1: Azure Confidential Computing</code>');
  });

  it('says in the words of the published sample that nothing came', () => {
    const html = renderPage(pageView(facts([])));
    expect(html).toContain('Timeout waiting to read data from Kafka.  Please refresh the page to try again.');
  });

  it('says why the key was refused, and what happens next', () => {
    const view = pageView(facts(['secret'], { key: REFUSED }));
    expect([view.heading, view.shows]).toEqual(['Encrypted Kafka Message:', 'ciphertext']);
    expect(view.message).toMatch(/^[A-Za-z0-9+/=]{344}$/);
    expect(view.key.text).toBe('Key demo was not released: <b>no</b>. Trying again in 4 s. Compare.');
    expect(renderPage(view)).toContain('&lt;b&gt;no&lt;/b&gt;');
  });

  it('uses the heading as the published sample does when it is asked to', () => {
    expect(pageView(facts(['x'], { headingStyle: 'guide' })).heading).toBe('Encrypted Kafka Message:');
    expect(pageView(facts(['x'], { headingStyle: 'guide', key: REFUSED })).heading).toBe('Unencrypted Kafka Message:');
  });

  it('says what is wrong with Kafka', () => {
    const problem = new DependencyError('KAFKA_UNREACHABLE', 'cannot reach a broker', { retryable: true });
    const kafka = { kind: 'waiting', problem, retryInMs: 1500 } as const;
    expect(pageView(facts([], { kafka })).kafka.text).toBe('Cannot reach a broker. Trying again in 1.5 s.');
    expect(pageView(facts([], { kafka: { kind: 'reading', partitions: [] } })).kafka.text).toContain('Other members');
  });

  it('never lets a message become markup', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", 'a', '/', '='), maxLength: 40 }),
        (text) => {
          const html = renderPage(pageView(facts([text])));
          const inside = /<code id="message">(.*?)<\/code>/s.exec(html)?.[1] ?? '';
          expect(inside).not.toMatch(/[<>"']/);
          expect(inside).toBe(escapeHtml(text));
        },
      ),
      { numRuns: 50 },
    );
  });
});
