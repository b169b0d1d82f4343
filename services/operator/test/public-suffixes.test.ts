import { loadVectors } from '@holdfast/base/testing';
import { isOriginAllowed, originDomain } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { publicSuffixes } from '../src/public-suffixes.ts';

interface DomainVector {
  readonly origin: string;
  readonly allowed_domains: readonly string[];
  readonly allowed: boolean;
}

const vectors = loadVectors('uid2-operator.json') as
  | { readonly groups: { readonly cstg_domain_check: readonly DomainVector[] } }
  | undefined;

describe.skipIf(vectors === undefined)('the origin rule on known answers', () => {
  it('allows and refuses as the reference does', () => {
    const cases = vectors?.groups.cstg_domain_check ?? [];
    expect(cases.length).toBe(29);
    for (const { origin, allowed_domains: domains, allowed } of cases) {
      expect([origin, isOriginAllowed(origin, domains, publicSuffixes)]).toEqual([origin, allowed]);
    }
  });
});

describe('publicSuffixes', () => {
  it.for([
    ['www.example.com', 'example.com'],
    ['example.com', 'example.com'],
    ['com', undefined],
    ['a.b.example.co.uk', 'example.co.uk'],
    ['person.github.io', 'person.github.io'],
    ['github.io', undefined],
    ['www.ck', 'www.ck'],
    ['a.b.c.ck', 'b.c.ck'],
    ['b.ck', undefined],
    ['host.unlisted', undefined],
    ['localhost', undefined],
  ] as const)('the registrable domain of %s is %s', ([host, domain]) => {
    expect(publicSuffixes.registrableDomain(host)).toBe(domain);
  });

  it('an IP address belongs to nobody', () => {
    expect(
      ['https://192.0.2.1', 'https://[2001:db8::1]'].map((origin) => originDomain(origin, publicSuffixes)),
    ).toEqual([undefined, undefined]);
  });
});
