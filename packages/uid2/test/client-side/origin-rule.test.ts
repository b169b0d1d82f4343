import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isOriginAllowed, originDomain } from '../../src/client-side/origin-rule.ts';
import type { PublicSuffixList } from '../../src/client-side/origin-rule.ts';

const SUFFIXES = ['com', 'org', 'co.uk', 'uk', 'github.io', 'io'];

/** A list of a few suffixes. */
const suffixes: PublicSuffixList = {
  registrableDomain(host) {
    const labels = host.split('.');
    for (let at = 0; at < labels.length; at += 1) {
      if (SUFFIXES.includes(labels.slice(at).join('.'))) return at === 0 ? undefined : labels.slice(at - 1).join('.');
    }
    return undefined;
  },
};

const domainOf = (origin: string): string | undefined => originDomain(origin, suffixes);

describe('originDomain', () => {
  it('is the public suffix plus one label, whatever stands around the host', () => {
    for (const origin of [
      'https://example.com',
      'HTTP://www.Example.COM:8080/path/a.html?q=http://other.org#x',
      'https://user:password@a.b.example.com./',
      'ftp://example.com:',
      'https://example\u3002com',
    ]) {
      expect([origin, domainOf(origin)]).toEqual([origin, 'example.com']);
    }
    expect(domainOf('https://shop.example.co.uk')).toBe('example.co.uk');
    expect(domainOf('https://person.github.io')).toBe('person.github.io');
    expect(domainOf('https://a_b.example.com')).toBe('example.com');
  });

  it('is localhost for localhost and its direct children', () => {
    expect(['localhost', 'a.localhost', 'a.b.localhost'].map((host) => domainOf(`http://${host}:3000`))).toEqual([
      'localhost',
      'localhost',
      undefined,
    ]);
  });

  it('does not exist for hosts that belong to nobody', () => {
    for (const host of ['com', 'co.uk', 'github.io', 'intranet', 'x.unlisted', '10.0.0.1', '[::1]', '']) {
      expect([host, domainOf(`https://${host}`)]).toEqual([host, undefined]);
    }
  });

  it('does not exist for texts that are no URL the reference knows', () => {
    for (const origin of [
      'null',
      '',
      'example.com',
      'abc:example.com',
      '//example.com',
      'chrome-extension://example.com',
      'https:example.com',
      'https:/example.com',
      'https://a@b@example.com',
      'https://example.com:port',
      'https://example.com:80:80',
      'https://example.com:-2',
      'https://example.com:2147483648',
    ]) {
      expect([origin, domainOf(origin)]).toEqual([origin, undefined]);
    }
  });

  it('does not exist for names that break the syntax of domains', () => {
    const long = 'a'.repeat(64);
    const many = 'a.'.repeat(127);
    for (const host of [
      'a..example.com',
      '.example.com',
      'example.com..',
      '-a.example.com',
      'a-.example.com',
      '_a.example.com',
      'a b.example.com',
      'a%2e.example.com',
      String.raw`evil.org\.example.com`,
      `${long}.com`,
      `${many}com`,
    ]) {
      expect([host, domainOf(`https://${host}`)]).toEqual([host, undefined]);
    }
  });

  it('never throws, and what it finds ends the host', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.domain().map((host) => `https://${host}`),
        ),
        (origin) => {
          const domain = domainOf(origin);
          expect(domain === undefined || origin.toLowerCase().includes(domain)).toBe(true);
        },
      ),
    );
  });
});

describe('isOriginAllowed', () => {
  it('compares the domain with the names as they are stored', () => {
    expect(isOriginAllowed('https://www.example.com', ['example.com'], suffixes)).toBe(true);
    expect(isOriginAllowed('https://www.example.com', ['www.example.com', 'Example.com'], suffixes)).toBe(false);
    expect(isOriginAllowed('https://example.com.evil.org', ['example.com'], suffixes)).toBe(false);
    expect(isOriginAllowed(undefined, ['example.com'], suffixes)).toBe(false);
  });
});
