import { X509Certificate } from 'node:crypto';

import { toBase64 } from '@holdfast/base';

/** A PEM block (RFC 7468) with a line feed at its end. */
export function pemBlock(label: string, der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The PEM blocks of a text whose label fits, each with a line feed at its end. */
export function blocksOf(text: string, label: RegExp): readonly string[] {
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)]
    .filter(([, found = '']) => label.test(found))
    .map(([block]) => `${block}\n`);
}

/** What came of ordering a chain. */
export interface OrderedChain {
  /** DER: leaf, intermediates, root; as it was when the chain is not complete. */
  readonly certificates: readonly Uint8Array[];
  readonly complete: boolean;
}

/**
 * Orders certificates from the leaf to the root, by who issued whom.
 * @throws Error `no leaf found`, `constructing chain resulted in cycle`
 */
export function orderChain(certificates: readonly Uint8Array[]): OrderedChain {
  const nodes = certificates.map((der) => ({ der, parsed: new X509Certificate(der) }));
  const parents = nodes.map((child) =>
    nodes.findIndex((other) => other !== child && child.parsed.checkIssued(other.parsed)),
  );
  const leaf = nodes.findLastIndex((_, index) => !parents.includes(index));
  if (leaf < 0) throw new Error('no leaf found');
  const ordered: Uint8Array[] = [];
  for (let at = leaf; at >= 0; at = parents[at] ?? -1) {
    if (ordered.length === nodes.length) throw new Error('constructing chain resulted in cycle');
    ordered.push(nodes[at]?.der ?? new Uint8Array());
  }
  return ordered.length === nodes.length
    ? { certificates: ordered, complete: true }
    : { certificates, complete: false };
}
